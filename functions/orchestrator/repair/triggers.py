"""What may start a repair, whose host it concerns, and the one execution that it starts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import InvalidRequest
from orchestrator.launch import instances
from orchestrator.ledger.rows import Desired, HostRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.observability import count
from orchestrator.repair.rungs import LADDER, Rung

EC2, HEALTH, ALARM = "ec2", "health", "alarm"
HOST, RECONCILER, OPERATOR = "host", "reconciler", "operator"
_AGAIN_SECONDS = 60  # one loss comes as several events, and a storm as a thousand
_AT_MOST_SECONDS = 3600  # between two, however often one was started in vain
_UNHURRIED = 3  # are started before the pauses grow
_NAME_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a repair may be due.

    instance_id: which instance it is about; "" is the current one, whichever that is. source: who
    noticed. at: when it happened, ISO-8601. deployment: where the event names it. state: EC2's,
    that the instance entered. ending: EC2 will end the instance soon, although it still runs.
    forced: replace it, however well it is. rung: the one that an operator wants.
    """

    text: str
    instance_id: str = ""
    source: str = OPERATOR
    at: str = ""
    deployment: str = ""
    state: str = ""
    ending: bool = False
    forced: bool = False
    rung: Rung | None = None

    @classmethod
    def of_request(cls, request: dict[str, Any]) -> Self:
        """Return the trigger in a repair's input: of `request`, or {"reason", "force", "rung"}."""
        asked = request.get("rung")
        if asked is not None and asked not in LADDER:
            raise InvalidRequest(f"rung: {asked!r}; allowed: {', '.join(LADDER)}")
        return cls(
            str(request.get("trigger") or request.get("reason") or "manual"),
            str(request.get("instance_id") or ""),
            source=str(request.get("source") or OPERATOR),
            at=_moment(request.get("at")),
            ending=bool(request.get("ending") or request.get("interrupted")),
            forced=bool(request.get("force")),
            rung=Rung(asked) if asked else None,
        )

    @property
    def is_by_hand(self) -> bool:
        return self.source == OPERATOR

    def request(self) -> dict[str, Any]:
        """Return the input of the repair that an event starts."""
        sent = asdict(self)
        kept = {name: sent[name] for name in ("instance_id", "source", "at", "ending")}
        return {"trigger": self.text, **kept}


def _moment(at: Any) -> str:
    """Return a request's time; empty where it has none."""
    if not at:
        return ""
    try:
        has_zone = datetime.fromisoformat(at).tzinfo is not None
    except (TypeError, ValueError):
        has_zone = False
    if not has_zone:
        raise InvalidRequest(f"at: {at!r} is no ISO-8601 time with its zone")
    return str(at)


def deployment_of(clients: Clients, trigger: Trigger) -> str | None:
    """Return the deployment whose tag the instance carries, or that an alarm of ours names.

    None for a foreign instance and for another installation's. One of an earlier version names no
    installation: `is_current` asks our ledger for it.
    """
    if trigger.deployment:
        return trigger.deployment
    found = instances.describe(clients, trigger.instance_id)
    installation, deployment = naming.owner(found.get("Tags", []) if found else [])
    return deployment if installation in {clients.settings.installation, None} else None


def is_current(ledger: Ledger, trigger: Trigger) -> bool:
    """Return whether the event concerns the instance that should be serving now.

    The end of one that a repair stops, to start it again, is that repair's own doing.
    """
    row, host = ledger.known_deployment(), concerned(ledger, trigger)
    if row is None or host is None or row.desired != Desired.PRESENT or host.planned:
        return False
    if host.role == Role.DRAINING and not trigger.ending:
        return True  # traffic may lead to it still: no workflow waited for its end
    current = ledger.serving() or ledger.hosts()[-1]
    return current.instance_id == host.instance_id


def concerned(ledger: Ledger, trigger: Trigger) -> HostRow | None:
    """Return the host that it is about; without an instance, the one that serves."""
    return ledger.host_of(trigger.instance_id) if trigger.instance_id else ledger.serving()


def start(
    clients: Clients, ledger: Ledger, host: HostRow, trigger: Trigger, mark: str
) -> str | None:
    """Start the repair that `mark` names, e.g. an event's id; return its name.

    None where another one was started for this host and such a fault within the last minute: a
    storm of events is one execution. The pauses grow with those that were started in vain, also
    where they failed before they wrote anything down. Delivered twice, an event starts once.
    """
    execution = f"repair-{ledger.name}-{mark}"[:_NAME_LIMIT]
    now = ledger.now()
    ledger.adopt_earlier_host()  # a row of version 1 holds its host itself
    fault = "lost" if trigger.state else "ending" if trigger.ending else "unwell"
    times = _started_in_a_row(ledger, host, fault)
    pause = min(_AGAIN_SECONDS * 2 ** max(0, times - _UNHURRIED), _AT_MOST_SECONDS)
    is_first = ledger.change(
        host.key,
        {
            "asked_at": now.isoformat(timespec="microseconds"),
            "asked_by": execution,
            "asked_for": fault,
            "asked_times": times + 1,
        },
        "attribute_exists(pk) AND (attribute_not_exists(asked_at) OR asked_at < :before"
        " OR asked_by = :again OR asked_for <> :fault)",
        before=(now - timedelta(seconds=pause)).isoformat(timespec="microseconds"),
        again=execution,
        fault=fault,
    )
    if not is_first:
        return None
    with tolerating("ExecutionAlreadyExists"):
        clients.sfn.start_execution(
            stateMachineArn=clients.settings.repair_machine,
            name=execution,
            input=json.dumps({"name": ledger.name, **trigger.request()}),
        )
    count("RepairRequested")
    return execution


def _started_in_a_row(ledger: Ledger, host: HostRow, fault: str) -> int:
    """Return how many repairs were started for this fault of the host, the last one lately."""
    if host.asked_at is None or host.asked_for != fault:
        return 0
    is_lately = ledger.seconds_since(host.asked_at) < 2 * _AT_MOST_SECONDS
    return host.asked_times or 0 if is_lately else 0
