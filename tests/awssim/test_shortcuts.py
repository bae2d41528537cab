"""The shortcuts give moto's own answers: a transaction is whole or nothing, tables stay sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock
from xml.etree import ElementTree as ET

import pytest
import xmltodict
from awssim import shortcuts
from botocore.exceptions import ClientError
from moto.core import serialize
from moto.core.serialize import ResponseSerializer

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


def test_an_answer_in_xml_reads_as_xmltodict_writes_it(account: Account) -> None:
    inside = {
        "@xmlns": "urn:x", "text": "a < b & \u00e9", "none": None, "empty": "", "no": [],
        "yes": True, "number": 3,
        "many": {"item": [{"id": 1, "tags": {"item": ["x", None]}}, {"id": 2}]},
        "nothing": {}, "marked": {"@type": 'a"b', "grantee": "c"}, "each": (n for n in "ab"),
    }  # fmt: skip
    theirs = xmltodict.unparse({"Answer": {**inside, "each": ["a", "b"]}})

    ours = serialize.xmltodict.unparse({"Answer": inside})

    assert serialize.xmltodict is not xmltodict
    assert ET.canonicalize(ours) == ET.canonicalize(theirs)


def test_an_answer_has_every_member_that_moto_finds(account: Account) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image, InstanceType="g5.xlarge", MinCount=1, MaxCount=1, SubnetId=subnet
    )
    asked = [ec2.describe_instances, ec2.describe_subnets, ec2.describe_vpcs]

    ours = [each() for each in asked]
    with mock.patch.object(ResponseSerializer, "get_value", shortcuts._FOUND_BY_ANY_NAME):
        theirs = [each() for each in asked]

    for answer in (*ours, *theirs):
        del answer["ResponseMetadata"]
    assert ours == theirs


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
