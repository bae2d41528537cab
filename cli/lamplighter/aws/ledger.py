"""Reads the ledger table, which the workflows write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from lamplighter.aws import rows
from lamplighter.aws.rows import Deployment, Records, Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def everything(table: Table) -> list[Records]:
    """Return the records of every deployment, tombstones too, by name."""
    found = sorted(_scan(table), key=itemgetter("pk", "sk"))
    by_name = [(name, list(own)) for name, own in groupby(found, key=itemgetter("pk"))]
    return [
        rows.records(name, own)
        for name, own in by_name
        if any(row["sk"] == "deployment" for row in own)
    ]


def records(table: Table, name: str) -> Records | None:
    """Return all that is recorded of a deployment; None: not one row."""
    found = list(_query(table, name))
    return rows.records(name, found) if found else None


def deployment(table: Table, name: str) -> Deployment | None:
    """Return the deployment with its hosts; None while it has no row of its own."""
    row = _row(table, name, "deployment")
    return rows.records(name, [row, *_query(table, name, "host#")]).deployment if row else None


def tags(table: Table, name: str) -> dict[str, str]:
    """Return the tags that the deployment's specification puts on every resource."""
    tags = _spec(table, name).get("tags")
    return tags if isinstance(tags, dict) else {}


def model(table: Table, name: str) -> str | None:
    """Return the model that the deployment's specification names; None while it has none."""
    model = _spec(table, name).get("model")
    return model if isinstance(model, str) else None


def _spec(table: Table, name: str) -> dict[str, Any]:
    """Return the stored specification; empty if a later version gave it another form."""
    row = _row(table, name, "deployment") or {}
    try:
        spec = json.loads(row.get("spec") or "{}")
    except (TypeError, ValueError):
        return {}
    return spec if isinstance(spec, dict) else {}


def names(table: Table) -> list[str]:
    """Return every name with any row: a provisioning that stopped early has no deployment row."""
    return sorted({str(row["pk"]) for row in _scan(table)})


def lock_owner(table: Table, name: str) -> str | None:
    """Return the ARN of the execution that holds the lock, or held it when it died."""
    owner = (_row(table, name, "lock") or {}).get("owner")
    return owner if isinstance(owner, str) else None


def _row(table: Table, name: str, sort: str) -> Row | None:
    return table.get_item(Key={"pk": name, "sk": sort}, ConsistentRead=True).get("Item")


def _query(table: Table, name: str, prefix: str = "") -> Iterator[Row]:
    """Yield the rows in the order of their sort key, page by page."""
    own = Key("pk").eq(name)
    condition = own & Key("sk").begins_with(prefix) if prefix else own
    page = table.query(KeyConditionExpression=condition, ConsistentRead=True)
    yield from page["Items"]
    while after := page.get("LastEvaluatedKey"):
        page = table.query(
            KeyConditionExpression=condition, ConsistentRead=True, ExclusiveStartKey=after
        )
        yield from page["Items"]


def _scan(table: Table) -> Iterator[Row]:
    page = table.scan(ConsistentRead=True)
    yield from page["Items"]
    while after := page.get("LastEvaluatedKey"):
        page = table.scan(ConsistentRead=True, ExclusiveStartKey=after)
        yield from page["Items"]
