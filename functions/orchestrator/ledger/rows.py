"""The rows of one deployment as values, one type per kind.

    pk = deployment name
    sk = deployment            what was asked for, what became of it, where it answers
         host#<generation>     one machine: its instance, its role here, what it reports
         await#<generation>    a workflow waits for that host: its task token
         capacity              the search for a host's capacity
         lock                  which execution works on the deployment
         resource#<kind>       something at AWS, or the intent to create it
         incident#<time>#<execution>  one repair
         event#<time>          one line of history
         spec#<time>           a specification that has served
         notice#<kind>#<key>   a notice that was published, or counted as another one's repeat

Version 1 had no rows of hosts: the deployment's row held the one host, `earlier_host` reads it.
What a later version wrote and this one does not know is left out, or UNKNOWN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, cast

from orchestrator.spec.difference import until_promoted

VERSION = 2  # of the rows that this code writes

DEPLOYMENT, LOCK, AWAIT, CAPACITY = "deployment", "lock", "await", "capacity"
HOSTS, WAITS, RESOURCES, INCIDENTS = "host#", "await#", "resource#", "incident#"
NOTICES, SPECS = "notice#", "spec#"
WAITING = "waiting for capacity"  # the phase of a host that is not launched yet
STOP = "stop"  # what is planned for the host of a deployment that is stopped
SCHEDULE = "schedule"  # who stopped it, where it was no operator and no budget


class _Word(StrEnum):
    """A word of ours; one that a later version wrote is UNKNOWN."""

    @classmethod
    def _missing_(cls, _: object) -> Self:
        return cls["UNKNOWN"]


class Desired(_Word):
    """What the operator wants.

    ASLEEP may be woken by a request; STOPPED only by a command. Neither is repaired.
    """

    PRESENT = "present"
    ASLEEP = "asleep"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNKNOWN = "unknown"

    @property
    def is_halted(self) -> bool:
        """Return whether nothing of it is to run, and everything to be kept."""
        return self in {Desired.STOPPED, Desired.ASLEEP}

    @property
    def now(self) -> str:
        """What is done to the deployment, for a message to a workflow that wants another."""
        return _NOW.get(self, f"wanted {self}")


_NOW = {
    Desired.ABSENT: "being torn down",
    Desired.PRESENT: "to be provisioned again",
    Desired.STOPPED: "being stopped",
    Desired.ASLEEP: "to sleep",
}
HALTED = (Desired.STOPPED, Desired.ASLEEP)


class Status(_Word):
    """What became of it."""

    ABSENT = "absent"
    PROVISIONING = "provisioning"
    SERVING = "serving"
    REPAIRING = "repairing"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ASLEEP = "asleep"
    STARTING = "starting"
    FAILED = "failed"
    TEARING_DOWN = "tearing-down"
    UNKNOWN = "unknown"


class Role(_Word):
    """A host's part in its deployment, from its launch to its end."""

    CANDIDATE = "candidate"  # has not proved itself yet
    SERVING = "serving"  # the one that traffic leads to, or is being led to
    DRAINING = "draining"  # a predecessor: finishes what it began
    RETIRED = "retired"  # ended, or to be ended: no traffic, no report counts
    UNKNOWN = "unknown"


class _Row:
    """Reads the attributes that its fields name, and no others."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        kinds = {each.name: each.metadata.get("of") for each in fields(cast("Any", cls))}
        return cls(
            **{
                name: kind(values[name]) if kind else values[name]
                for name, kind in kinds.items()
                if values.get(name) is not None
            }
        )

    def values(self) -> dict[str, Any]:
        """Return every field by its name; None where it is unknown."""
        return {each.name: getattr(self, each.name) for each in fields(cast("Any", self))}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow(_Row):
    """generation: of the host that serves, 0 before one did; latest_generation: the highest number
    that any host got. spec: the specification as JSON. address: the public IPv4 of the endpoint.

    began_at: when it was first asked for, since its last teardown.
    version: of the code that wrote the row and its specification; 1 knew no rows of hosts.
    paused_at: since when nothing is repaired; paused_until: None is until it is resumed.
    spent: of hosts whose rows are gone, budget_noticed: the last notice (capacity/spending/).
    unanswered_at: since when the endpoint does not answer our probes from outside. stopped_at: when
    it was last stopped; stopped_by: SCHEDULE where its schedule wants that, and starts it again.
    asleep_at: since when it sleeps, or was woken in vain; asleep_by: who or what asked for it;
    sleeps: how often it fell asleep. starting_at: when its last start began; start_seconds: of the
    last starts, until it served, a JSON list. rotated_at: when a rotation was
    last started by itself.
    next_spec: what a change makes it, until its host serves; next_execution: the workflow that may
    use it; next_host: whether it takes a new generation. asked_by: who asked for the last provision
    that was more than a repetition.
    Times are ISO-8601 UTC.
    """

    version: int = 1
    spec: str = "{}"
    desired: Desired = field(default=Desired.UNKNOWN, metadata={"of": Desired})
    status: Status = field(default=Status.UNKNOWN, metadata={"of": Status})
    generation: int = 0
    latest_generation: int = 0
    endpoint: str | None = None
    address: str | None = None
    began_at: str | None = None
    served_at: str | None = None
    execution: str | None = None
    reason: str | None = None
    paused_at: str | None = None
    paused_until: str | None = None
    paused_why: str | None = None
    spent: str | None = None
    budget_noticed: str | None = None
    unanswered_at: str | None = None
    next_spec: str | None = None
    next_execution: str | None = None
    next_host: bool = False
    asked_by: str | None = None
    stopped_at: str | None = None
    stopped_by: str | None = None
    asleep_at: str | None = None
    asleep_by: str | None = None
    sleeps: int = 0
    starting_at: str | None = None
    start_seconds: str | None = None
    rotated_at: str | None = None
    updated_at: str | None = None

    @property
    def is_live(self) -> bool:
        """Return whether it serves, or did and is wanted still."""
        return self.desired == Desired.PRESENT and self.served_at is not None

    def specification(self) -> dict[str, Any]:
        """Return the stored specification as it was written: an earlier version's may differ.

        Empty where it is no JSON object: a later version keeps it in another form.
        """
        return _document(self.spec)

    def changes_by(self, execution: str) -> bool:
        """Return whether this workflow is changing it to another specification."""
        return self.next_spec is not None and self.next_execution == execution

    def specification_for(self, execution: str) -> dict[str, Any]:
        """Return the specification by which this workflow acts: the one that its change makes,
        else the one that serves.
        """
        serving = self.specification()
        if not self.changes_by(execution):
            return serving
        return until_promoted(serving, _document(self.next_spec))


def _document(text: str | None) -> dict[str, Any]:
    try:
        stored = json.loads(text or "")
    except (TypeError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow(_Row):
    """One machine. instance_id: None until it is launched.

    phase, percent, cause, warnings: as it last reported; phase_at: when that report arrived,
    reported_at: when it was sent, report_seconds: in how long the next one follows. address: the
    public IPv4 on which it proved itself. instance_type, zone, market: the pool it came from;
    price_usd_hour: of the instance, then; volume_usd_hour, address_usd_hour: of its root volume and
    one public address. stopped_at: since when its instance is stopped, and only these two cost.
    started_at: when it was last started again; ran: how long it ran before that, JSON of seconds by
    month.
    requests, errors: what its gateway has counted; requests_before, errors_before: of the host of a
    change, what it had when traffic was led to it. running: requests at its last report;
    last_request_at: when the last one ended, by the host's clock, as is reported_at. unwell_at:
    since when it reports another phase than serving; blame: of a host that gave up
    (repair/rungs.py). asked_at, asked_by, asked_for: the repair that was last started for it, and
    the kind of fault; asked_times: how many were, one after the other. planned: the rung that stops
    or reboots it, or STOP, since planned_at: its end then is no loss, and what it said before
    counts no more. spec_digest: of the specification that it was launched for. ttl_seconds,
    timeout_seconds: of a predecessor: how long resolvers keep its address, and how long its longest
    request may take. release: of Lamplighter, whose scripts it runs.
    """

    generation: int
    role: Role = field(default=Role.CANDIDATE, metadata={"of": Role})
    instance_id: str | None = None
    address: str | None = None
    phase: str | None = None
    percent: float | None = None
    cause: str | None = None
    warnings: tuple[str, ...] = field(
        default=(), metadata={"of": lambda text: tuple(text.splitlines())}
    )
    phase_at: str | None = None
    reported_at: str | None = None
    report_seconds: int | None = None
    launched_at: str | None = None
    served_at: str | None = None
    ended_at: str | None = None
    instance_type: str | None = None
    zone: str | None = None
    market: str | None = None
    price_usd_hour: float | None = None
    volume_usd_hour: float | None = None
    address_usd_hour: float | None = None
    stopped_at: str | None = None
    started_at: str | None = None
    ran: str | None = None
    requests: int | None = None
    errors: int | None = None
    requests_before: int | None = None
    errors_before: int | None = None
    running: int | None = None
    last_request_at: str | None = None
    unwell_at: str | None = None
    blame: str | None = None
    asked_at: str | None = None
    asked_by: str | None = None
    asked_for: str | None = None
    asked_times: int | None = None
    planned: str | None = None
    planned_at: str | None = None
    spec_digest: str | None = None
    ttl_seconds: int | None = None
    timeout_seconds: int | None = None
    release: str | None = None

    @property
    def key(self) -> str:
        return f"{HOSTS}{self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitRow(_Row):
    """A workflow waits for a host; `task_token` is what continues it."""

    token: str = field(repr=False)
    instance_id: str = ""
    generation: int = 0

    @property
    def key(self) -> str:
        return f"{WAITS}{self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRow(_Row):
    """The search for the capacity of one generation, until its host is launched.

    request: what RunInstances is asked for in every pool, as JSON. resting: capacity/resting.py's.
    round_at: since when the pools are asked in this round, None between two. rounds in vain: of
    the workflow `execution`, the first one at `since`; it gives up at `until`.
    """

    generation: int = 0
    request: str = field(default="{}", repr=False)
    resting: str = "[]"
    round_at: str | None = None
    execution: str | None = None
    rounds: int = 0
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRow(_Row):
    owner: str = ""
    acquired_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow(_Row):
    """state: intent, or ready once it was created. facts: what its module keeps beside these.

    intended_at: before the call; changed_at: after the last change at AWS.
    """

    kind: str
    state: str = "intent"
    id: str | None = None
    token: str | None = None
    generation: int | None = None
    intended_at: str | None = None
    changed_at: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        own = {each.name for each in fields(cls)} - {"kind", "facts"}
        return cls(
            kind=values["sk"].removeprefix(RESOURCES),
            **{name: value for name, value in values.items() if name in own},
            facts={k: v for k, v in values.items() if k not in own | {"pk", "sk"}},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow(_Row):
    """One repair. began_at: under the lock; closed_at, outcome and seconds: once it is over.

    source: who noticed (repair/triggers.py); detected_at: when. cause: a sentence. rungs: what was
    tried, a JSON list of {"rung", "why", "at", "ended_at", "outcome"}. unserved_seconds: without an
    answer, by probes from outside. failed_requests: up to the host's last report. cost_usd: of the
    host that it launched, until it served. errors_before: that the host's gateway had counted when
    it was opened. evidence: the key of what was kept, in the deployment's bucket.
    """

    opened_at: str = ""
    began_at: str | None = None
    source: str | None = None
    detected_at: str | None = None
    trigger: str = ""
    cause: str | None = None
    rungs: str | None = None
    instance_id: str | None = None
    generation: int = 0
    execution: str | None = None
    closed_at: str | None = None
    outcome: str | None = None
    replaced_by: str | None = None
    seconds: float | None = None
    unserved_seconds: float | None = None
    failed_requests: int | None = None
    errors_before: int | None = None
    cost_usd: float | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRow(_Row):
    """A specification that served since `at`: as JSON, with a host of this generation.

    by: who asked for it. changed: what it made different, a JSON list of {"key", "old", "new"}.
    """

    at: str = ""
    by: str | None = None
    generation: int = 0
    spec: str = field(default="{}", repr=False)
    changed: str = "[]"

    @property
    def key(self) -> str:
        return f"{SPECS}{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow(_Row):
    """at: when it was due. sent_at: when it was published; None: it was counted as a repeat of the
    one before it, or is on its way. repeats: how many others it stands for.
    """

    kind: str = ""
    key: str = ""
    at: str = ""
    sent_at: str | None = None
    repeats: int = 0

    @property
    def sk(self) -> str:
        return f"{NOTICES}{self.kind}#{self.key}"


# What a deployment's row of version 1 said of its one host.
EARLIER_HOST = (
    *("instance_id", "served_instance", "phase", "phase_percent", "phase_cause", "phase_at"),
    *("reported_at", "warnings"),
)


def earlier_host(values: Mapping[str, Any]) -> HostRow | None:
    """Return the one host that a deployment's row of version 1 holds, None where it holds none."""
    instance = values.get("instance_id")
    if not instance:
        return None
    serves = "served_at" in values and values.get("phase") == "serving"
    has_served = serves or values.get("served_instance") == instance
    return HostRow(
        generation=values["generation"],
        role=Role.SERVING if has_served else Role.CANDIDATE,
        instance_id=instance,
        phase=values.get("phase"),
        percent=values.get("phase_percent"),
        cause=values.get("phase_cause"),
        warnings=tuple(values.get("warnings", "").splitlines()),
        phase_at=values.get("phase_at"),
        reported_at=values.get("reported_at"),
        served_at=values.get("served_at") if has_served else None,
    )
