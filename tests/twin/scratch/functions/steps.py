"""Handlers of the scratch stack."""

import json
import os
from pathlib import Path
from typing import Any

import boto3


class ResourceConflict(Exception):
    pass


class Pending(Exception):
    pass


def probe(event: Any, context: Any) -> Any:
    return {
        "pid": os.getpid(),
        "payload": os.environ["PAYLOAD"],
        "greeting": Path(os.environ["PAYLOAD_FILE"]).read_text(encoding="utf-8"),
        "listed": sorted(each.name for each in Path(os.environ["PAYLOAD"]).iterdir()),
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "name": context.function_name,
        "event": event,
    }


def fail(event: Any, context: Any) -> Any:
    raise ResourceConflict("a VPC named prod exists and is not ours")


def pending(event: Any, context: Any) -> Any:
    """Not there twice, then there; the count is the ledger's."""
    table = boto3.client("dynamodb")
    answer = table.update_item(
        TableName=os.environ["TABLE"],
        Key={"pk": {"S": event["key"]}},
        UpdateExpression="ADD seen :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    seen = int(answer["Attributes"]["seen"]["N"])
    if seen < 3:
        raise Pending("not yet")
    return {"seen": seen, "pid": os.getpid()}


def create_vpc(event: Any, context: Any) -> Any:
    return {"vpc": boto3.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]}


def remember(event: Any, context: Any) -> Any:
    item = {"pk": {"S": event["deployment"]}, "token": {"S": event["token"]}}
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)


def report(event: Any, context: Any) -> Any:
    detail = event["detail"]
    key = {"pk": {"S": detail["deployment"]}}
    item = boto3.client("dynamodb").get_item(TableName=os.environ["TABLE"], Key=key)["Item"]
    workflows = boto3.client("stepfunctions")
    if detail["phase"] == "serving":
        workflows.send_task_success(taskToken=item["token"]["S"], output=json.dumps({"ok": True}))
    else:
        workflows.send_task_heartbeat(taskToken=item["token"]["S"])


def state_change(event: Any, context: Any) -> Any:
    """Every EC2 event, as it came, in its own row."""
    detail = event["detail"]
    item = {
        "pk": {"S": f"{detail['instance-id']} {detail['state']}"},
        "event": {"S": json.dumps(event)},
    }
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)
