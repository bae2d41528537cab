"""The ledger's rows as values: what the CLI, or a console, knows of a deployment.

The orchestrator writes them (tests/contracts/ledger_rows.json). One partition per deployment; the
sort key says what a row is: `deployment`, `host#<generation>`, `event#<time>`, `spec#<time>`,
`incident#<time>#<execution>`, and what only the workflows read.

A word of a later version (a status, a role) is kept as it is. An attribute of another form is left
out, and its row is Unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any

VERSION = 2  # of the rows, that this code knows
Row = dict[str, Any]

# Kinds of rows that only the workflows read.
_INTERNAL = {"lock", "await", "resource", "capacity", "notice"}
# Of a deployment's own row.
_NOT_READ = dict.fromkeys(("hosts", "monthly_usd", "expires_at", "schedule", "rotation"))
_NEEDED = {"event": "at", "incident": "opened_at", "host": "generation", "spec": "at"}


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of a deployment; empty is unknown. Times are ISO-8601 UTC.

    role: candidate, serving, draining or retired. percent: of the phase, 0 to 100. address: the
    public IPv4 on which it proved itself. price_usd_hour: of the instance, volume_usd_hour,
    address_usd_hour: of its disk and one address; 0 is unknown. stopped_at: since when only these
    two cost; started_at: when it was last started again, ran: how long it ran before that, JSON of
    seconds by month. requests, errors: what its gateway has counted; requests_before,
    errors_before: of the host of a change, what it had when traffic was led to it. running:
    requests at its last report, last_request_at: when the last one ended, by the host's clock.
    unwell_at: since when it reports another phase than serving. asked_by: the repair that was last
    started for it. planned: the rung that stops it now, or stop, with its deployment. spec_digest:
    of the specification that it was launched for. ttl_seconds, timeout_seconds: of a predecessor:
    how long resolvers keep its address, and how long its longest request may take. release: of
    Lamplighter, whose scripts it runs; empty: of one that did not say so.
    """

    generation: int = 0
    role: str = ""
    instance_id: str = ""
    address: str = ""
    phase: str = ""
    percent: int | None = None
    cause: str = ""
    warnings: tuple[str, ...] = ()
    phase_at: str = ""
    reported_at: str = ""
    report_seconds: int | None = None
    launched_at: str = ""
    served_at: str = ""
    ended_at: str = ""
    instance_type: str = ""
    zone: str = ""
    market: str = ""
    price_usd_hour: float = 0.0
    volume_usd_hour: float = 0.0
    address_usd_hour: float = 0.0
    stopped_at: str = ""
    started_at: str = ""
    ran: str = ""
    requests: int | None = None
    errors: int | None = None
    requests_before: int | None = None
    errors_before: int | None = None
    running: int | None = None
    last_request_at: str = ""
    unwell_at: str = ""
    blame: str = ""
    asked_at: str = ""
    asked_by: str = ""
    asked_for: str = ""
    asked_times: int = 0
    planned: str = ""
    planned_at: str = ""
    spec_digest: str = ""
    ttl_seconds: int | None = None
    timeout_seconds: int | None = None
    release: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as the workflows last wrote it; empty is unknown. Times are ISO-8601 UTC.

    generation: of the host that serves; before one did, the highest that any host got. hosts: the
    oldest first, some of those that ended too. paused_at: since when nothing is repaired;
    paused_until: empty is until it is resumed. unanswered_at: since when probes from outside get no
    answer. stopped_at: when it was last stopped; stopped_by: schedule, which starts it again, or
    empty. schedule, rotation: of its specification, as they are stored; rotated_at: when a rotation
    was last started by itself. asleep_at: since when it sleeps;
    asleep_by: who or what asked for it; sleeps: how often it did. starting_at: when its last start
    began; start_seconds: of the last starts, a JSON list. spent: of hosts whose rows are gone
    (deployments/spending.py). monthly_usd: its budget, 0 is none. began_at: when it was first asked
    for; expires_at: when it is torn down by itself, empty is never. next_execution: the workflow
    that changes it to another specification; asked_by: who asked for the last change, or the first
    provision. A tombstone (status absent) stays after a teardown.
    """

    name: str
    desired: str = ""
    status: str = ""
    generation: int = 0
    endpoint: str = ""
    address: str = ""
    began_at: str = ""
    expires_at: str = ""
    served_at: str = ""
    execution: str = ""
    reason: str = ""
    paused_at: str = ""
    paused_until: str = ""
    paused_why: str = ""
    spent: str = ""
    monthly_usd: float = 0.0
    unanswered_at: str = ""
    next_execution: str = ""
    asked_by: str = ""
    stopped_at: str = ""
    stopped_by: str = ""
    asleep_at: str = ""
    asleep_by: str = ""
    sleeps: int = 0
    starting_at: str = ""
    start_seconds: str = ""
    rotated_at: str = ""
    updated_at: str = ""
    schedule: dict[str, Any] = field(default_factory=dict)
    rotation: dict[str, Any] = field(default_factory=dict)
    hosts: tuple[Host, ...] = ()

    @property
    def active(self) -> tuple[Host, ...]:
        """The hosts that have not ended, the oldest first."""
        return tuple(host for host in self.hosts if host.role != "retired")

    @property
    def current(self) -> Host:
        """The host that serves, else the newest one; an empty one while there is none."""
        serving = [host for host in self.hosts if host.role == "serving"]
        return (serving or [*self.active] or [Host()])[-1]

    def document(self) -> dict[str, Any]:
        """Return it for machines: with what its current host reports, and every host."""
        current = self.current
        return asdict(self) | {
            "instance_id": current.instance_id,
            "phase": current.phase,
            "phase_percent": current.percent,
            "phase_cause": current.cause,
            "phase_at": current.phase_at,
            "warnings": current.warnings,
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """One outage and its repair. began_at: under the lock; closed_at: empty while it is open.

    source: who noticed, at detected_at. rungs: what was tried, a JSON list. unserved_seconds:
    without an answer, by probes from outside. failed_requests: up to the host's last report.
    evidence: the key of what was kept, in the deployment's bucket.
    """

    opened_at: str = ""
    began_at: str = ""
    closed_at: str = ""
    source: str = ""
    detected_at: str = ""
    trigger: str = ""
    cause: str = ""
    rungs: str = ""
    instance_id: str = ""
    generation: int = 0
    execution: str = ""
    replaced_by: str = ""
    outcome: str = ""
    seconds: int | None = None
    unserved_seconds: int | None = None
    failed_requests: int | None = None
    cost_usd: float = 0.0
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification, as JSON, that served since `at`; by: who asked for it.

    changed: a JSON list of {"key", "old", "new"}.
    """

    at: str = ""
    by: str = ""
    generation: int = 0
    spec: str = ""
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a deployment's timeline: what happened at `at`; an incident gives two."""

    at: str = ""
    what: str = ""
    text: str = ""
    instance_id: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that this version cannot read, or not wholly; why: without the row's contents."""

    name: str
    row: str
    why: str


@dataclass(frozen=True, slots=True)
class Records:
    """All that the ledger says of one deployment; the oldest first. specs: that have served."""

    deployment: Deployment
    incidents: tuple[Incident, ...]
    timeline: tuple[Entry, ...]
    unreadable: tuple[Unreadable, ...]
    specs: tuple[Spec, ...] = ()


def records(name: str, rows: Iterable[Row]) -> Records:
    """Return what the rows of one deployment say.

    Incidents are in the order of their repairs: of two that wait for the lock, the one that was
    opened later may be repaired first.
    """
    found: dict[str, list[Any]] = {kind: [] for kind in _READERS}
    unreadable: list[Unreadable] = []
    for row in rows:
        kind = str(row["sk"]).partition("#")[0]
        if kind in _INTERNAL:
            continue
        if read := _READERS.get(kind):
            value, odd = read(row)
            found[kind] += [] if value is None else [value]
            why = [*_later(row), *odd]
        else:
            why = ["an unknown kind of row"]
        if why:
            unreadable.append(Unreadable(name, str(row["sk"]), ", ".join(why)))
    [(deployment, earlier)] = found["deployment"] or [(Deployment(name), None)]
    return Records(
        _joined(deployment, earlier, found["host"]),
        tuple(sorted(found["incident"], key=lambda one: _moment(one.began_at or one.opened_at))),
        tuple(_timeline(found["event"], found["incident"])),
        tuple(unreadable),
        tuple(sorted(found["spec"], key=lambda one: _moment(one.at))),
    )


def _later(row: Row) -> list[str]:
    version = row.get("version", Decimal(VERSION))
    is_known = isinstance(version, Decimal) and version <= VERSION
    return [] if is_known else [f"version {version}"]


def _joined(deployment: Deployment, earlier: Host | None, hosts: list[Host]) -> Deployment:
    """Return the deployment with its hosts; `earlier` is the one that its own row holds."""
    found = {host.generation: host for host in [*([earlier] if earlier else []), *hosts]}
    values = {each.name: getattr(deployment, each.name) for each in fields(deployment)}
    return Deployment(**values | {"hosts": tuple(found[number] for number in sorted(found))})


def _deployment(row: Row) -> tuple[tuple[Deployment, Host | None], list[str]]:
    values, odd = _values(Deployment, {**row, **_NOT_READ})
    values["monthly_usd"] = _monthly_usd(row)
    values["expires_at"] = _expires_at(row, values.get("began_at", ""))
    values["schedule"], values["rotation"] = _windows(row, "schedule"), _windows(row, "rotation")
    latest, odd_latest = _values(Host, {"generation": row.get("latest_generation")})
    generation = values.pop("generation", 0) or latest.get("generation", 0)
    deployment = Deployment(str(row["pk"]), generation=generation, **values)
    earlier, odd_host = _earlier_host(row, generation)
    return (deployment, earlier), [*odd, *(f"latest_{name}" for name in odd_latest), *odd_host]


def _monthly_usd(row: Row) -> float:
    """Return the budget of the stored specification; 0 where it is none, or of another form."""
    try:
        budget = json.loads(row.get("spec") or "{}")["budget"]["monthly_usd"]
        return float(budget or 0)
    except (KeyError, TypeError, ValueError):
        return 0.0


def _expires_at(row: Row, began_at: str) -> str:
    """Return the end of the stored specification; empty where it has none, or is torn down."""
    if not began_at or row.get("desired") == "absent":
        return ""
    try:
        lasting = json.loads(row.get("spec") or "{}")["expires_after"]
        unit = {"d": "days", "h": "hours"}[lasting[-1]]
        return (_moment(began_at) + timedelta(**{unit: int(lasting[:-1])})).isoformat()
    except (KeyError, TypeError, ValueError):
        return ""


def _windows(row: Row, section: str) -> dict[str, Any]:
    """Return a section of the stored specification that has windows; empty where it has none."""
    try:
        found = json.loads(row.get("spec") or "{}")[section]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("on") else {}


def _earlier_host(row: Row, generation: int) -> tuple[Host | None, list[str]]:
    """Return the one host that a deployment's row of version 1 holds, None where it holds none."""
    instance = row.get("instance_id")
    has_served = instance is not None and row.get("served_instance") == instance
    said = {
        "role": "serving" if has_served else "candidate",
        "percent": row.get("phase_percent"),
        "cause": row.get("phase_cause"),
        "served_at": row.get("served_at") if has_served else None,
    }
    same = ("instance_id", "phase", "phase_at", "reported_at", "warnings")
    values, odd = _values(Host, said | {name: row.get(name) for name in same})
    is_held = any(values.get(name) for name in same)
    return Host(generation, **values) if is_held else None, odd


def _reader(kind: str, build: Callable[..., Any]) -> Callable[[Row], tuple[Any, list[str]]]:
    """Return what reads a row of this kind: its value, None without the needed attribute."""
    needed = _NEEDED[kind]

    def read(row: Row) -> tuple[Any, list[str]]:
        values, odd = _values(build, row)
        if values.get(needed):
            return build(**values), odd
        return None, odd or [f"{needed} is missing"]

    return read


_READERS: dict[str, Callable[[Row], tuple[Any, list[str]]]] = {
    "deployment": _deployment,
    "host": _reader("host", Host),
    "incident": _reader("incident", Incident),
    "event": _reader("event", Entry),
    "spec": _reader("spec", Spec),
}


def _values(kind: Any, row: Row) -> tuple[dict[str, Any], list[str]]:
    """Return the attributes that the dataclass has fields for, and which have another form."""
    values: dict[str, Any] = {}
    odd: list[str] = []
    for each in fields(kind):
        found = row.get(each.name)
        if found is None:
            continue
        is_time = each.name == "at" or each.name.endswith("_at")
        try:
            values[each.name] = _time(found) if is_time else _FORMS[type(each.default)](found)
        except (TypeError, ValueError):
            odd.append(f"{each.name} is of another form")
    return values, odd


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, Decimal):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if not isinstance(value, Decimal):
        raise TypeError
    return float(value)


def _lines(value: Any) -> tuple[str, ...]:
    return tuple(_text(value).splitlines())


def _time(value: Any) -> str:
    if _text(value) and _moment(value).tzinfo is None:
        raise ValueError
    return str(value)


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


_FORMS: dict[type, Callable[[Any], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    NoneType: _whole,
    tuple: _lines,
}


def _timeline(events: list[Entry], incidents: list[Incident]) -> list[Entry]:
    outages = [entry for incident in incidents for entry in _entries(incident)]
    # Times come with milli- or microseconds, Z or +00:00: as text they would not sort.
    return sorted([*events, *outages], key=lambda entry: _moment(entry.at))


def _entries(incident: Incident) -> Iterator[Entry]:
    yield Entry(incident.opened_at, "incident", f"opened: {incident.trigger}", incident.instance_id)
    if incident.closed_at:
        after = "" if incident.seconds is None else f" in {incident.seconds} s"
        by = f", replaced by {incident.replaced_by}" if incident.replaced_by else ""
        text = f"closed: {incident.outcome}{after}{by}"
        yield Entry(incident.closed_at, "incident", text, incident.instance_id)
