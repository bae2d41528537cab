"""Reads the ledger table, which the workflows write.

One partition per deployment; the sort key says what a row is: `deployment`, `lock`,
`event#<time>`, `incident#<time>#<execution>`, `resource#<kind>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as the workflows last wrote it; empty is unknown. Times are ISO-8601 UTC.

    A tombstone (status absent) stays after a teardown.
    """

    name: str
    desired: str = ""
    status: str = ""
    generation: int = 0
    instance_id: str = ""
    phase: str = ""
    phase_percent: int | None = None
    phase_cause: str = ""
    phase_at: str = ""
    warnings: tuple[str, ...] = ()
    endpoint: str = ""
    address: str = ""
    served_at: str = ""
    execution: str = ""
    reason: str = ""
    updated_at: str = ""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        known = _known(cls, row) | {"warnings": tuple(row.get("warnings", "").splitlines())}
        return cls(name=row["pk"], **known)


@dataclass(frozen=True, slots=True)
class Incident:
    """One outage and its repair. began_at: under the lock; closed_at: empty while it is open."""

    opened_at: str = ""
    began_at: str = ""
    closed_at: str = ""
    trigger: str = ""
    instance_id: str = ""
    replaced_by: str = ""
    outcome: str = ""
    seconds: int | None = None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**_known(cls, row))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a deployment's timeline: what happened at `at`; an incident gives two."""

    at: str
    what: str
    text: str
    instance_id: str = ""


def deployments(table: Table) -> list[Deployment]:
    """Return every deployment, tombstones too, by name."""
    rows = [row for row in _scan(table) if row["sk"] == "deployment"]
    return sorted((Deployment.from_row(row) for row in rows), key=lambda found: found.name)


def deployment(table: Table, name: str) -> Deployment | None:
    row = _row(table, name, "deployment")
    return Deployment.from_row(row) if row else None


def tags(table: Table, name: str) -> dict[str, str]:
    """Return the tags that the deployment's specification puts on every resource."""
    return dict(_spec(table, name).get("tags") or {})


def model(table: Table, name: str) -> str | None:
    """Return the model that the deployment's specification names; None while it has none."""
    return _spec(table, name).get("model")


def _spec(table: Table, name: str) -> dict[str, Any]:
    row = _row(table, name, "deployment") or {}
    spec: dict[str, Any] = json.loads(row.get("spec") or "{}")
    return spec


def names(table: Table) -> list[str]:
    """Return every name with any row: a provisioning that stopped early has no deployment row."""
    return sorted({str(row["pk"]) for row in _scan(table)})


def lock_owner(table: Table, name: str) -> str | None:
    """Return the ARN of the execution that holds the lock, or held it when it died."""
    row = _row(table, name, "lock")
    return str(row["owner"]) if row else None


def incidents(table: Table, name: str) -> list[Incident]:
    """Return the incidents in the order of their repairs.

    Of two that wait for the lock, the one that was opened later may be repaired first.
    """
    found = [Incident.from_row(row) for row in _query(table, name, "incident#")]
    return sorted(found, key=lambda one: datetime.fromisoformat(one.began_at or one.opened_at))


def timeline(table: Table, name: str) -> list[Entry]:
    """Return events and incidents, oldest first."""
    events = [Entry(**_known(Entry, row)) for row in _query(table, name, "event#")]
    closed = [entry for incident in incidents(table, name) for entry in _entries(incident)]
    # Times come with milli- or microseconds, Z or +00:00: as text they would not sort.
    return sorted(events + closed, key=lambda entry: datetime.fromisoformat(entry.at))


def _entries(incident: Incident) -> Iterator[Entry]:
    yield Entry(incident.opened_at, "incident", f"opened: {incident.trigger}", incident.instance_id)
    if incident.closed_at:
        after = "" if incident.seconds is None else f" in {incident.seconds} s"
        by = f", replaced by {incident.replaced_by}" if incident.replaced_by else ""
        text = f"closed: {incident.outcome}{after}{by}"
        yield Entry(incident.closed_at, "incident", text, incident.instance_id)


def _known(kind: type, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row's values that the dataclass has a field for; DynamoDB's numbers are whole."""
    return {
        field.name: int(value) if isinstance(value, Decimal) else value
        for field in fields(kind)
        if (value := row.get(field.name)) is not None
    }


def _row(table: Table, name: str, sort: str) -> dict[str, Any] | None:
    return table.get_item(Key={"pk": name, "sk": sort}, ConsistentRead=True).get("Item")


def _query(table: Table, name: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield the rows in the order of their sort key, page by page."""
    condition = Key("pk").eq(name) & Key("sk").begins_with(prefix)
    page = table.query(KeyConditionExpression=condition, ConsistentRead=True)
    yield from page["Items"]
    while after := page.get("LastEvaluatedKey"):
        page = table.query(
            KeyConditionExpression=condition, ConsistentRead=True, ExclusiveStartKey=after
        )
        yield from page["Items"]


def _scan(table: Table) -> Iterator[dict[str, Any]]:
    page = table.scan(ConsistentRead=True)
    yield from page["Items"]
    while after := page.get("LastEvaluatedKey"):
        page = table.scan(ConsistentRead=True, ExclusiveStartKey=after)
        yield from page["Items"]
