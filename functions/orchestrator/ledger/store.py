"""One deployment's rows in DynamoDB: what was asked for, what exists, who works on it.

    pk = deployment name
    sk = deployment            spec, desired, status, generation, instance_id, phase, endpoint, ...
         lock                  owner (execution ARN), acquired_at
         await                 token, instance_id, execution: a workflow waits for the host
         resource#<kind>       state (intent | ready), id, intended_at, changed_at, further facts
         incident#<time>#<execution>  one repair: trigger, outcome, seconds
         event#<time>          one line of history

Every write made by a workflow is a transaction that also checks the lock's owner: a Lambda that
outlives its workflow cannot write any more. Reads are strongly consistent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import code
from orchestrator.errors import NotFound, Pending, Superseded
from orchestrator.ledger.attributes import Row, pack, unpack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEPLOYMENT, LOCK, AWAIT = "deployment", "lock", "await"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows of `name`; `owner` is the execution that writes (empty: an observer).

    installation: the stack whose table this is. settle_seconds: how long a change at AWS may stay
    invisible.
    """

    dynamodb: DynamoDBClient = field(repr=False)
    table: str
    installation: str
    name: str
    owner: str
    now: Callable[[], datetime] = field(repr=False)
    settle_seconds: float

    # -- the deployment row ------------------------------------------------------------------

    def deployment(self) -> Row:
        """Return the deployment's row; NotFound names what is missing."""
        row = self.read(DEPLOYMENT)
        if row is None:
            raise NotFound(f"no deployment is named {self.name!r}: `lamplighter up` makes one")
        return row

    def specification(self) -> dict[str, Any]:
        """Return the stored specification as it was written: an earlier version's may differ."""
        stored: dict[str, Any] = json.loads(self.deployment().get("spec", "{}"))
        return stored

    def generation(self) -> int:
        """Return the number of the current instance; it grows with every replacement."""
        return int(self.deployment()["generation"])

    def record(self, **facts: Any) -> None:
        """Set attributes of the deployment's row; None removes one."""
        self.update(DEPLOYMENT, {**facts, "updated_at": self.time()})

    # -- resources ---------------------------------------------------------------------------

    def resource(self, kind: str) -> Row | None:
        return self.read(f"resource#{kind}")

    def intend(self, kind: str, **facts: Any) -> Row:
        """Write down that `kind` is about to be created, before it is."""
        row = {"state": "intent", "intended_at": self.time(), **facts}
        self.write(f"resource#{kind}", row)
        return row

    def ready(self, kind: str, **facts: Any) -> None:
        """Write down what was created; keeps the intent's time."""
        self.update(f"resource#{kind}", {"state": "ready", **facts})

    def forget(self, kind: str) -> None:
        self.erase(f"resource#{kind}")

    def age(self, row: Row) -> float:
        """Return the seconds since the last change at AWS, since the intent when none is known."""
        since = row["changed_at"] if "changed_at" in row else row["intended_at"]
        return (self.now() - datetime.fromisoformat(since)).total_seconds()

    def is_young(self, row: Row) -> bool:
        """Return whether AWS may not show the last change of `row` yet."""
        return self.age(row) < self.settle_seconds

    # -- history -----------------------------------------------------------------------------

    def note(self, what: str, text: str, **facts: Any) -> None:
        """Add a line to the deployment's history; needs no lock."""
        now = self.time()
        self.put(f"event#{now}", {"at": now, "what": what, "text": text, **facts})

    # -- rows --------------------------------------------------------------------------------

    def read(self, key: str) -> Row | None:
        found = self.dynamodb.get_item(
            TableName=self.table, Key=self._key(key), ConsistentRead=True
        ).get("Item")
        return unpack(found) if found else None

    def rows(self) -> Iterator[Row]:
        """Yield every row of this deployment, with its `sk`."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :name",
            ExpressionAttributeValues={":name": {"S": self.name}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from (unpack(item) for item in page["Items"])

    def write(self, key: str, row: Row) -> None:
        """Replace a row, as the lock's owner."""
        item = {**self._key(key), **pack(row)}
        self._transact({"Put": {"TableName": self.table, "Item": item}})

    def update(self, key: str, facts: Row) -> None:
        """Set some attributes of a row (None removes), as the lock's owner."""
        self._transact({"Update": self._changes(key, facts)})

    def erase(self, key: str) -> None:
        """Delete a row, as the lock's owner."""
        self._transact({"Delete": {"TableName": self.table, "Key": self._key(key)}})

    def put(self, key: str, row: Row) -> None:
        """Replace a row without being the lock's owner."""
        self.dynamodb.put_item(TableName=self.table, Item={**self._key(key), **pack(row)})

    def discard(self, key: str, attribute: str, value: str) -> None:
        """Delete a row if `attribute` still has `value`, lock or not."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key=self._key(key),
                ConditionExpression="#attribute = :value",
                ExpressionAttributeNames={"#attribute": attribute},
                ExpressionAttributeValues={":value": {"S": value}},
            )
        except ClientError as error:
            if code(error) != "ConditionalCheckFailedException":
                raise

    def change(self, key: str, facts: Row, condition: str, **values: Any) -> bool:
        """Set attributes if `condition` (over :values) holds, lock or not; say whether it did."""
        request = self._changes(key, facts)
        request["ConditionExpression"] = condition
        request["ExpressionAttributeValues"] |= pack({f":{k}": v for k, v in values.items()})
        try:
            self.dynamodb.update_item(**request)
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def time(self) -> str:
        return self.now().isoformat(timespec="microseconds")

    def _key(self, key: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": self.name}, "sk": {"S": key}}

    def _changes(self, key: str, facts: Row) -> dict[str, Any]:
        kept = {k: v for k, v in facts.items() if v is not None}
        sets = ", ".join(f"#{k} = :{k}" for k in kept)
        removes = ", ".join(f"#{k}" for k in facts if facts[k] is None)
        clauses = ([f"SET {sets}"] if sets else []) + ([f"REMOVE {removes}"] if removes else [])
        return {
            "TableName": self.table,
            "Key": self._key(key),
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": {f"#{k}": k for k in facts},
            "ExpressionAttributeValues": pack({f":{k}": v for k, v in kept.items()}),
        }

    def _transact(self, action: Any) -> None:
        lock: Any = {
            "TableName": self.table,
            "Key": self._key(LOCK),
            "ConditionExpression": "#owner = :me",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":me": {"S": self.owner}},
        }
        try:
            self.dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": lock}, action])
        except ClientError as error:
            reasons = [r.get("Code") for r in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" in reasons:
                raise Superseded(f"another workflow holds the lock of {self.name!r}") from error
            if reasons:  # throttled, or another transaction on the same row
                raise Pending(f"the ledger is busy: {', '.join(map(str, reasons))}") from error
            raise


def names(dynamodb: DynamoDBClient, table: str) -> list[str]:
    """Return the deployments that are not torn down (a scan: there are a handful of rows)."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="sk = :deployment AND #status <> :absent",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":deployment": {"S": DEPLOYMENT}, ":absent": {"S": "absent"}},
        ConsistentRead=True,
    )
    return sorted(item["pk"]["S"] for page in pages for item in page["Items"])
