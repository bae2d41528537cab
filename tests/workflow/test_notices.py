"""A test notice through the installed topic: to a subscriber, and to the webhook's function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from patience import eventually
from twinlab import Installation

pytestmark = pytest.mark.twin

# Loopback: the function must refuse it before it connects.
URL = "https://127.0.0.1:1/planted-secret"


@pytest.fixture
def inbox(installed: Installation) -> Iterator[str]:
    """A queue that is subscribed to the notices."""
    sqs, sns = installed.client("sqs"), installed.client("sns")
    url = sqs.create_queue(QueueName="notices-inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    topic = installed.outputs["NoticeTopic"]
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    yield url
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def webhook(installed: Installation) -> Iterator[None]:
    name = f"/lamplighter-notices/{installed.twin.stack}/webhook"
    ssm = installed.client("ssm")
    ssm.put_parameter(Name=name, Value=URL, Type="SecureString")
    yield
    ssm.delete_parameter(Name=name)


def send(installed: Installation) -> dict[str, Any]:
    answer = installed.client("lambda").invoke(
        FunctionName=installed.outputs["NoticeFunction"], Payload=json.dumps({"verb": "test"})
    )
    assert "FunctionError" not in answer
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


def logged(installed: Installation, text: str) -> list[str]:
    """Wait for a line with this text in the functions' log; return every line."""

    def lines() -> list[str]:
        pages = installed.client("logs").get_paginator("filter_log_events")
        group = f"/lamplighter/{installed.twin.stack}/steps"
        found = pages.paginate(logGroupName=group)
        return [event["message"] for page in found for event in page["events"]]

    def is_there(found: list[str]) -> bool:
        return any(text in line for line in found)

    return list(eventually(lines, is_there, 30))


def test_a_test_notice_arrives_and_without_a_webhook_nothing_is_posted(
    installed: Installation, inbox: str
) -> None:
    assert send(installed) == {"confirmed": 1, "pending": 0, "webhook": False}

    received: dict[str, Any] = eventually(
        lambda: installed.client("sqs").receive_message(QueueUrl=inbox),
        lambda a: "Messages" in a,
        30,
    )
    message = json.loads(received["Messages"][0]["Body"])
    assert message["Subject"] == "Lamplighter: a test notice"
    assert message["MessageAttributes"]["kind"]["Value"] == "test"
    logged(installed, '"posted":false')


def test_a_webhook_into_the_functions_own_machine_is_refused_and_not_logged(
    installed: Installation, webhook: None
) -> None:
    assert send(installed)["webhook"] is True

    lines = logged(installed, "which is no public address")
    assert not [line for line in lines if "planted-secret" in line]
