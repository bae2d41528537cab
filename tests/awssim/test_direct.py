"""DynamoDB's calls without HTTP answer as those over HTTP do, and leave the same rows."""

from __future__ import annotations

from typing import Any

import pytest
from awssim import Account, direct
from botocore.exceptions import ClientError, ParamValidationError

KEY = {"pk": {"S": "a"}, "sk": {"S": "one"}}
ITEM = {
    **KEY,
    "text": {"S": "é"},
    "number": {"N": "1.50"},
    "yes": {"BOOL": True},
    "none": {"NULL": True},
    "names": {"SS": ["x", "y"]},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"N": "7"}}}]},
    "map": {"M": {"x": {"S": "y"}}},
}
OTHER = {"pk": {"S": "a"}, "sk": {"S": "two"}, "n": {"N": "2"}}
VALUES = {":a": {"S": "a"}, ":v": {"S": "new"}, ":n": {"N": "1"}}
UPDATE = {
    "Key": KEY,
    "UpdateExpression": "SET #map.x = :v ADD n :n REMOVE yes",
    "ExpressionAttributeNames": {"#map": "map"},
    "ExpressionAttributeValues": {":v": {"S": "new"}, ":n": {"N": "1"}},
    "ReturnValues": "ALL_NEW",
}
ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}
QUERY = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("put_item", {"Item": ITEM}),
    ("put_item", {"Item": OTHER, **ABSENT}),
    ("put_item", {"Item": OTHER, "ReturnValues": "ALL_OLD"}),
    ("get_item", {"Key": KEY, "ConsistentRead": True}),
    ("get_item", {"Key": {**KEY, "sk": {"S": "none"}}}),
    ("query", QUERY),
    ("query", {**QUERY, "Limit": 1}),
    ("query", {**QUERY, "ScanIndexForward": False, "ProjectionExpression": "sk, n"}),
    ("scan", {"FilterExpression": "attribute_exists(n)"}),
    ("update_item", UPDATE),
    ("delete_item", {"Key": OTHER | {}, "ReturnValues": "ALL_OLD"}),
    ("delete_item", {"Key": {"pk": {"S": "a"}, "sk": {"S": "two"}}, "ReturnValues": "ALL_OLD"}),
    # refused
    ("put_item", {"Item": ITEM, **ABSENT}),
    ("put_item", {"Item": ITEM, **ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
    ("put_item", {"Item": {"pk": {"S": "a"}}}),
    ("put_item", {"Item": {**KEY, "odd": "no type"}}),
    ("get_item", {"Key": {"pk": {"S": "a"}, "sk": {"S": ""}}}),
    ("query", {"KeyConditionExpression": "pk = :a"}),
    ("update_item", {**UPDATE, "ExpressionAttributeNames": {"#map": "map", "#unused": "x"}}),
    ("update_item", {"Unknown": 1}),
]


def transaction(*conditions: str) -> tuple[str, dict[str, Any]]:
    put = {"TableName": "t", "Item": {"pk": {"S": "a"}, "sk": {"S": "three"}}}
    update = {"TableName": "t", **UPDATE}
    del update["ReturnValues"]
    check = {"TableName": "t", "Key": KEY, "ConditionExpression": conditions[0]}
    return "transact_write_items", {
        "TransactItems": [{"Put": put}, {"Update": update}, {"Delete": check}]
    }


CALLS += [transaction("attribute_not_exists(pk)"), transaction("attribute_exists(other)")]


def played(*, is_direct: bool, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    if not is_direct:
        monkeypatch.setattr(direct, "answer", lambda *_: None)
    with Account().active() as account:
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
        return [
            seen for call, given in CALLS for seen in (asked(dynamodb, call, given), rows(dynamodb))
        ]


def asked(dynamodb: Any, call: str, given: dict[str, Any]) -> Any:
    table = {} if call == "transact_write_items" else {"TableName": "t"}
    try:
        answer = getattr(dynamodb, call)(**table, **given)
    except ClientError as error:
        refused = {**error.response}
        del refused["ResponseMetadata"]
        return type(error).__name__, refused
    except ParamValidationError as error:
        return str(error)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    return answer


def rows(dynamodb: Any) -> Any:
    return dynamodb.scan(TableName="t")["Items"]


def test_both_ways_answer_alike(monkeypatch):
    short = played(is_direct=True, monkeypatch=monkeypatch)
    long = played(is_direct=False, monkeypatch=monkeypatch)

    assert short == long
    assert sum(isinstance(each, tuple) for each in short) >= 6


def test_most_calls_take_the_short_way(account, monkeypatch):
    taken: list[bool] = []
    answer = direct.answer

    def noted(*call: Any) -> Any:
        found = answer(*call)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(direct, "answer", noted)
    played(is_direct=True, monkeypatch=monkeypatch)

    assert sum(taken) > len(taken) / 2


def test_what_is_answered_is_nothing_that_moto_holds(account):
    dynamodb = account.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    item = {"pk": {"S": "a"}, "map": {"M": {"x": {"L": [{"S": "y"}]}}}}
    dynamodb.put_item(TableName="t", Item=item)

    for held in (item, dynamodb.get_item(TableName="t", Key={"pk": {"S": "a"}})["Item"]):
        held["map"]["M"]["x"]["L"].append({"S": "changed"})

    kept = dynamodb.get_item(TableName="t", Key={"pk": {"S": "a"}})["Item"]
    assert kept["map"]["M"]["x"]["L"] == [{"S": "y"}]
