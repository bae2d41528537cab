"""The rows of one deployment in DynamoDB, whatever they say: read, written, and changed.

Reads are strongly consistent. A workflow's write is a transaction that also checks the lock's
owner: a Lambda that outlives its workflow cannot write any more. What arrives from outside a
workflow (reports, events, a teardown's wish) writes with a condition of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import code
from orchestrator.errors import Pending, Superseded
from orchestrator.ledger.attributes import Values, pack, unpack
from orchestrator.ledger.rows import LOCK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Table:
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

    def time(self) -> str:
        return self.now().isoformat(timespec="microseconds")

    def seconds_since(self, time: str) -> float:
        return (self.now() - datetime.fromisoformat(time)).total_seconds()

    def rows(self, prefix: str = "") -> Iterator[Values]:
        """Yield the rows whose `sk` begins with `prefix`."""
        begins = " AND begins_with(sk, :prefix)" if prefix else ""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression=f"pk = :name{begins}",
            ExpressionAttributeValues=pack({":name": self.name, ":prefix": prefix or None}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from (unpack(item) for item in page["Items"])

    def read(self, key: str) -> Values | None:
        """Return the attributes of one row."""
        found = self.dynamodb.get_item(
            TableName=self.table, Key=self._key(key), ConsistentRead=True
        ).get("Item")
        return unpack(found) if found else None

    def write(self, key: str, values: Mapping[str, Any]) -> None:
        """Replace a row, as the lock's owner."""
        self.transact([self.put_of(key, values)])

    def update(self, key: str, facts: Mapping[str, Any]) -> None:
        """Set some attributes of a row (None removes), as the lock's owner."""
        self.transact([{"Update": self.changes_of(key, facts)}])

    def erase(self, *keys: str) -> None:
        """Delete rows, as the lock's owner."""
        for key in keys:
            self.transact([self.delete_of(key)])

    def put(self, key: str, values: Mapping[str, Any]) -> None:
        """Replace a row without being the lock's owner."""
        self.dynamodb.put_item(TableName=self.table, Item={**self._key(key), **pack(values)})

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

    def change(self, key: str, facts: Mapping[str, Any], condition: str, **values: Any) -> bool:
        """Set attributes if `condition` (over :values) holds, lock or not; say whether it did."""
        request = self.changes_of(key, facts)
        request["ConditionExpression"] = condition
        if values:
            given = request.setdefault("ExpressionAttributeValues", {})
            given.update(pack({f":{k}": v for k, v in values.items()}))
        try:
            self.dynamodb.update_item(**request)
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _key(self, key: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": self.name}, "sk": {"S": key}}

    def put_of(self, key: str, values: Mapping[str, Any]) -> Any:
        return {"Put": {"TableName": self.table, "Item": {**self._key(key), **pack(values)}}}

    def delete_of(self, key: str) -> Any:
        return {"Delete": {"TableName": self.table, "Key": self._key(key)}}

    def changes_of(self, key: str, facts: Mapping[str, Any]) -> Any:
        kept = {k: v for k, v in facts.items() if v is not None}
        sets = ", ".join(f"#{k} = :{k}" for k in kept)
        removes = ", ".join(f"#{k}" for k in facts if facts[k] is None)
        clauses = ([f"SET {sets}"] if sets else []) + ([f"REMOVE {removes}"] if removes else [])
        changes = {
            "TableName": self.table,
            "Key": self._key(key),
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": {f"#{k}": k for k in facts},
        }
        if kept:  # DynamoDB refuses an empty map
            changes["ExpressionAttributeValues"] = pack({f":{k}": v for k, v in kept.items()})
        return changes

    def transact(self, actions: Sequence[Any]) -> None:
        lock: Any = {
            "TableName": self.table,
            "Key": self._key(LOCK),
            "ConditionExpression": "#owner = :me",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":me": {"S": self.owner}},
        }
        try:
            self.dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": lock}, *actions])
        except ClientError as error:
            reasons = [r.get("Code") for r in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" in reasons:
                raise Superseded(f"another workflow holds the lock of {self.name!r}") from error
            if reasons:  # throttled, or another transaction on the same row
                raise Pending(f"the ledger is busy: {', '.join(map(str, reasons))}") from error
            raise
