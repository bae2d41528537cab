"""A deployment that sleeps, and the waker in front of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from orchestrator.deployments import lifecycle, stopping
from orchestrator.hosts import halting
from orchestrator.resources import keys
from orchestrator.waking.waking import Memory, answer
from steps import Workflow, ledger_of

CHAT = "/demo/v1/chat/completions"


class StepFunctions:
    """Records what is started."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []

    def start_execution(self, **asked: Any) -> None:
        self.started.append(asked)


@dataclass
class Waker:
    """The waker's function in one sandbox."""

    workflow: Workflow
    memory: Memory = field(default_factory=Memory)

    def ask(self, key: str = "", path: str = CHAT, **how: Any) -> dict[str, Any]:
        """Return the answer: its status, headers and error. how: parts of the event."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        http = {"method": "POST", "path": path, "sourceIp": "192.0.2.7"} | how.pop("http", {})
        headers |= how.pop("headers", {})
        event = {"version": "2.0", "requestContext": {"http": http}, "headers": headers, **how}
        return self.send(event)

    def send(self, event: Any) -> dict[str, Any]:
        clients = self.workflow.clients
        found = answer(clients, self.memory, event, self._ledger).document()
        return {
            "status": found["statusCode"],
            "headers": found["headers"],
            **json.loads(found["body"])["error"],
        }

    def _ledger(self, name: str) -> Any:
        return ledger_of(self.workflow.clients, name, self.workflow.account.clock.now)

    @property
    def started(self) -> list[dict[str, Any]]:
        return self.workflow.clients.sfn.started

    def key(self) -> str:
        return keys.read(self.workflow.clients, "demo")

    def put(self, key_id: str, *entries: Any) -> None:
        self.workflow.account.client("ssm").put_parameter(
            Name=f"/lamplighter/demo/keys/{key_id}",
            Type="String",
            Value=json.dumps(entries),
            Overwrite=True,
        )


@pytest.fixture
def waker(complete: Workflow) -> Waker:
    complete.promote()
    ledger = complete.ledger
    lifecycle.record_serving(ledger, "outside")
    stopping.request_stop(ledger, sleep=True, asked_by="alice")
    complete.clear(halting.halt)
    stopping.begin_stop(complete.clients, complete.deployment, ledger)
    stopping.record_stop(ledger)
    complete.clients.__dict__["sfn"] = StepFunctions()
    return Waker(complete)
