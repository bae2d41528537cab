"""The shortcuts give moto's own answers: a transaction is whole or nothing, tables stay sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

_KEYS = ["one", "three", "two"]


@pytest.fixture
def table(account: Account) -> Any:
    dynamodb = account.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    for key in _KEYS:
        item = {"pk": {"S": "a"}, "sk": {"S": key}, "n": {"N": "1"}, "m": {"M": {"x": {"S": "é"}}}}
        dynamodb.put_item(TableName="t", Item=item)
    return dynamodb


def _rows(dynamodb: Any) -> list[dict[str, Any]]:
    return list(dynamodb.query(
        TableName="t",
        KeyConditionExpression="pk = :a",
        ExpressionAttributeValues={":a": {"S": "a"}},
    )["Items"])  # fmt: skip


def _update(key: str, change: str = "SET m.x = :v ADD n :n") -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "t",
            "Key": {"pk": {"S": "a"}, "sk": {"S": key}},
            "UpdateExpression": change,
            "ExpressionAttributeValues": {":v": {"S": "new"}, ":n": {"N": "1"}},
        }
    }


_CHANGES = [
    _update("one"),
    {"Delete": {"TableName": "t", "Key": {"pk": {"S": "a"}, "sk": {"S": "two"}}}},
    {"Put": {"TableName": "t", "Item": {"pk": {"S": "b"}, "sk": {"S": "four"}}}},
]


def test_a_transaction_that_is_refused_changes_nothing(table: Any) -> None:
    before = _rows(table)
    refused = {
        "ConditionCheck": {
            "TableName": "t",
            "Key": {"pk": {"S": "a"}, "sk": {"S": "three"}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.transact_write_items(TransactItems=[*_CHANGES, refused])

    assert _rows(table) == before
    assert table.scan(TableName="t")["Count"] == len(_KEYS)


def test_a_transaction_that_succeeds_changes_all_of_its_rows(table: Any) -> None:
    table.transact_write_items(TransactItems=_CHANGES)

    rows = {row["sk"]["S"]: row for row in _rows(table)}
    assert list(rows) == ["one", "three"]
    assert (rows["one"]["n"], rows["one"]["m"]) == ({"N": "2"}, {"M": {"x": {"S": "new"}}})
    assert (rows["three"]["n"], rows["three"]["m"]) == ({"N": "1"}, {"M": {"x": {"S": "é"}}})
    assert table.scan(TableName="t")["Count"] == len(rows) + 1
