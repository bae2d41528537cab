"""Starts of other workflows than repairs, which the look of every minute finds due."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.ledger.store import Ledger

STOP, START, TEARDOWN, PROVISION = "stop", "start", "teardown", "provision"
_NAME_LIMIT = 80


def start(clients: Clients, ledger: Ledger, workflow: str, mark: str, **how: Any) -> str:
    """Start the workflow that `mark` names, once however often it is asked for; return its name.

    how: what its input says besides the deployment's name.
    """
    settings = clients.settings
    machines = {
        STOP: settings.stop_machine,
        START: settings.start_machine,
        TEARDOWN: settings.teardown_machine,
        PROVISION: settings.provision_machine,
    }
    name = f"{workflow}-{ledger.name}-{mark}"[:_NAME_LIMIT]
    with tolerating("ExecutionAlreadyExists"):
        clients.sfn.start_execution(
            stateMachineArn=machines[workflow],
            name=name,
            input=json.dumps({"name": ledger.name, **how}),
        )
    return name
