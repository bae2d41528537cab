"""A host for each running instance: it boots, reports by the agent's own code, and answers."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from awssim import Account
from host.agent.activity import Activity
from host.agent.phases import State
from host.agent.reporter import Reporter
from host.agent.settings import Settings
from host.machine.settings import parse

from simlab.history import History
from simlab.schedule import Schedule, Timer

# What user_data knows: where deployment.env lies.
_USER_DATA = re.compile(r'^(bucket|folder) = "([^"]+)"$', re.MULTILINE)
_OK, _UNAUTHORIZED, _NOT_FOUND, _UNAVAILABLE = 200, 401, 404, 503
_SECONDS: Mapping[str, tuple[float, float]] = {
    "booting": (20, 90),
    "drivers": (30, 180),
    "images": (60, 240),
    "weights": (60, 400),
    "loading": (40, 200),
}


@dataclass(frozen=True, slots=True)
class Boot:
    """What a host does when its instance starts. seconds: how long each phase takes, at least and
    at most; `serving` follows the last one.

    never: the phase it does not leave. silent: the phase from which on nothing is heard of it.
    fails: the phase in which it gives up, with `cause`. blame: hardware or configuration.
    """

    seconds: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _SECONDS)
    never: str | None = None
    silent: str | None = None
    fails: str | None = None
    cause: str = "the engine crashed: CUDA error"
    blame: str | None = None


class Host:
    """One boot of one instance. put(bus, source, kind, detail): the account's EventBridge."""

    def __init__(
        self,
        instance_id: str,
        env: Mapping[str, str],
        boot: Boot,
        schedule: Schedule,
        chance: random.Random,
        history: History,
        put: Callable[[str, str, str, str], None],
        report_seconds: float | None,
    ) -> None:
        self.instance_id, self.env, self.state = instance_id, env, State("booting")
        self._schedule, self._chance, self._history, self._put = schedule, chance, history, put
        self._boot, self._rest = boot, list(boot.seconds)
        self._on, self._heard, self._has_agent = True, True, True
        self._refuse_from: datetime | None = None
        self.requests_until = 0.0  # when the longest of its running requests ends
        self._due: Timer | None = None
        settings = SimpleNamespace(
            deployment=env["DEPLOYMENT"],
            event_bus=env["EVENT_BUS"],
            release=env.get("RELEASE", ""),  # a host of an earlier release says none
            report_seconds=report_seconds or float(env["REPORT_SECONDS"]),
        )
        self._requests, self._errors, self._last_request = 0, 0, ""
        self._reporter = Reporter(
            self, cast("Settings", settings), instance_id, self._wall, self._activity
        )
        self._report_seconds = settings.report_seconds

    @property
    def serves(self) -> bool:
        """Whether it answers new requests."""
        if not self.runs:
            return False
        refuses = self._refuse_from and self._schedule.clock.now() >= self._refuse_from
        return not refuses and self.state.phase in {"serving", "draining"}

    @property
    def runs(self) -> bool:
        """Whether the machine is on and does not hang."""
        return self._on and self._heard

    def start(self) -> None:
        self._next_phase()

    def start_serving(self) -> None:
        """As a host that booted before this simulation began."""
        self._rest = []
        self._become(State("serving"))

    def end(self) -> None:
        """The instance stops or ends: nothing of it is left to act."""
        self._on = False
        if self._due:
            self._due.cancel()

    def fall_silent(self) -> None:
        """It hangs: the instance runs, but nothing answers and nothing reports."""
        self._history.add("silent", self.instance_id)
        self._heard = False

    def take_request(self, *, seconds: float = 0, fails: bool = False) -> None:
        """A caller asks it for an answer, which takes so long, and fails by a fault of the host."""
        self._requests += 1
        self._errors += fails
        now = self._schedule.clock.seconds
        self.requests_until = max(self.requests_until, now + seconds)
        ended = self._schedule.clock.now() + timedelta(seconds=seconds)
        self._schedule.after(seconds, lambda: self._end_request(ended))

    def _end_request(self, ended: datetime) -> None:
        self._last_request = max(self._last_request, f"{ended:%Y-%m-%dT%H:%M:%SZ}")

    def _activity(self) -> Activity:
        """What its gateway has counted."""
        running = int(self.requests_until > self._schedule.clock.seconds)
        return Activity(self._requests, self._errors, self._last_request or None, running)

    def lose_agent(self) -> None:
        """Its agent dies: it goes on answering, and reports no more."""
        self._history.add("agent-lost", self.instance_id)
        self._has_agent = False

    def start_agent(self) -> None:
        """As systemd starts it again."""
        if self._on:
            self._has_agent = True
            self._report()

    def drain(self, refuse_from: datetime) -> None:
        """Take the order: new requests are refused from then on, the running ones end whole."""
        if self._on and self.state.phase == "serving":
            self._refuse_from = refuse_from
            self.become("draining")
            wait = (refuse_from - self._schedule.clock.now()).total_seconds()
            self._schedule.after(max(wait, 1.0), self._drained)

    def serve_on(self) -> None:
        """The order to drain was withdrawn."""
        if self._on and self._refuse_from is not None:
            self._refuse_from = None
            self.become("serving")

    def _drained(self) -> None:
        if self._refuse_from is None:
            return
        left = self.requests_until - self._schedule.clock.seconds
        if left > 0:
            self._schedule.after(left, self._drained)
        elif self._on:
            self.become("drained")

    def become(self, phase: str, cause: str | None = None, blame: str | None = None) -> None:
        """From now on it reports this phase, whatever its boot had in store."""
        self._rest = []
        self._become(State(phase, cause=cause, blame=blame))

    def _next_phase(self) -> None:
        if not self._on:
            return
        phase = self._rest.pop(0) if self._rest else "serving"
        if phase == self._boot.silent:
            self.fall_silent()
        if phase == self._boot.fails:
            self.become("failed", self._boot.cause, self._boot.blame)
            return
        self._become(State(phase))
        if phase not in {"serving", self._boot.never}:
            wait = self._chance.uniform(*self._boot.seconds[phase])
            self._schedule.after(wait, lambda: self._after(phase))

    def _after(self, phase: str) -> None:
        if self.state.phase == phase:
            self._next_phase()

    def _become(self, state: State) -> None:
        self.state = state
        self._history.add("phase", self.instance_id, phase=state.phase, cause=state.cause or "")
        self._report()

    # -- reports -----------------------------------------------------------------------------

    def _report(self) -> None:
        """The agent's reporter decides whether one is due."""
        if not (self.runs and self._has_agent):
            return
        if self._due:
            self._due.cancel()
        self._reporter.send(self.state, (), self._schedule.clock.seconds)
        self._due = self._schedule.after(self._report_seconds, self._report)

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Stands for the agent's client of EventBridge."""
        for entry in Entries:
            self._put(entry["EventBusName"], entry["Source"], entry["DetailType"], entry["Detail"])
        return {"FailedEntryCount": 0}

    def _wall(self) -> float:
        return self._schedule.clock.now().timestamp()

    # -- the endpoint ------------------------------------------------------------------------

    def answer(self, method: str, path: str, key: str, wanted_key: str) -> tuple[int, Any]:
        """What nginx and the gateway answer a client: (status, document)."""
        if not self.serves:
            return _UNAVAILABLE, {"error": {"message": f"the host is {self.state.phase}"}}
        if path.startswith("/health/"):
            return _OK, {"status": "ready"}
        if key != wanted_key:
            return _UNAUTHORIZED, {"error": {"message": "unknown API key"}}
        if (method, path) == ("GET", "/v1/models"):
            return _OK, {"object": "list", "data": [{"id": self.env["MODEL"], "object": "model"}]}
        if (method, path) == ("POST", "/v1/chat/completions"):
            return _OK, {"choices": [{"message": {"role": "assistant", "content": "pong"}}]}
        return _NOT_FOUND, {"error": {"message": path}}


def settings_of(account: Account, instance_id: str) -> dict[str, str] | None:
    """Return the deployment.env that the instance's user_data leads to; None for a foreign one."""
    with account.uncounted():
        attribute = account.client("ec2").describe_instance_attribute(
            InstanceId=instance_id, Attribute="userData"
        )
        text = base64.b64decode(attribute["UserData"].get("Value", "")).decode()
        where = dict(_USER_DATA.findall(text))
        if where.keys() != {"bucket", "folder"}:
            return None
        stored = account.client("s3").get_object(
            Bucket=where["bucket"], Key=f"{where['folder']}/deployment.env"
        )
        return parse(stored["Body"].read().decode())
