"""A notice is published once, its repeats are counted, and a failure is never in the way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from awssim import Crash
from awssim.clients import ACCOUNT_ID, REGION
from awssim.faults import error
from orchestrator.deployments import lifecycle
from orchestrator.ledger.rows import NOTICES, NoticeRow
from orchestrator.notices import sending, texts
from orchestrator.notices.notice import Kind
from steps import NOTICE_TOPIC

HOUR = 3600
BUSY = error("InternalError", "an error occurred at AWS", status=500)


@pytest.fixture
def inbox(account):
    """Call it: the subjects and messages that arrived at a subscriber since it was last asked."""
    with account.uncounted():
        sqs = account.client("sqs")
        url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:inbox"
        account.client("sns").subscribe(TopicArn=NOTICE_TOPIC, Protocol="sqs", Endpoint=queue)

    def received():
        with account.uncounted():
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for each in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in found]

    return received


@pytest.fixture
def send(workflow):
    """Send a notice of the kind about what has this key."""

    def act(key="a", kind=Kind.REPAIRED, **more):
        notice = texts.test(workflow.clients.settings, workflow.ledger.time())
        notice = replace(notice, kind=kind, key=key, title=f"{kind} {key}", **more)
        return sending.send(workflow.clients, workflow.ledger, notice)

    return act


def rows(workflow):
    return {row["sk"]: NoticeRow.of(row) for row in workflow.ledger.rows(NOTICES)}


def test_a_notice_is_published_with_what_subscriptions_can_choose_by(send, inbox):
    assert send(deployment="demo") is True

    [message] = inbox()
    assert message["Subject"] == "Lamplighter: repaired a"
    assert message["Message"].startswith("What:   This is a test")
    assert message["MessageAttributes"] == {
        "kind": {"Type": "String", "Value": "repaired"},
        "deployment": {"Type": "String", "Value": "demo"},
    }


def test_the_same_notice_is_not_published_twice_however_late(send, inbox, account):
    sent = [send()]
    account.clock.advance(30 * HOUR)
    sent.append(send())

    assert sent == [True, False]
    assert len(inbox()) == 1


def test_notices_of_one_incident_and_other_kinds_are_published_side_by_side(send, inbox):
    sent = [send(kind=kind) for kind in (Kind.REPAIR_FAILED, Kind.EXPLAINED, Kind.REPAIRED)]

    assert sent == [True, True, True]
    assert len(inbox()) == 3


def test_repeats_within_an_hour_are_counted_and_mentioned_in_the_next_one(
    send, inbox, account, workflow
):
    sent = [send("a")]
    account.clock.advance(HOUR / 3)
    sent += [send("b"), send("b"), send("c")]
    assert (
        rows(workflow)["notice#repaired#a"].repeats == 2
    )  # b is one, by whatever reports it twice
    account.clock.advance(HOUR)
    sent.append(send("d"))

    assert sent == [True, False, False, False, True]
    first, second = inbox()
    assert "Also:" not in first["Message"]
    assert "Also:   it happened 2 more times in the hour after the last notice" in second["Message"]


def test_what_was_counted_is_not_published_later(send, inbox, account):
    send("a")
    send("b")
    account.clock.advance(2 * HOUR)

    assert send("b") is False
    assert len(inbox()) == 1


def test_a_failure_is_logged_and_counted_and_the_next_attempt_publishes(
    send, inbox, account, workflow, monkeypatch
):
    counted = []
    monkeypatch.setattr(sending, "count", counted.append)
    account.fault(operation="Publish", error=BUSY)

    assert send() is False
    assert counted == ["NoticeFailed"]
    assert rows(workflow) == {}
    assert send() is True
    assert len(inbox()) == 1


@pytest.mark.parametrize("operation", ["Query", "UpdateItem", "Publish", "DeleteItem"])
def test_no_fault_of_aws_is_in_the_way(send, account, operation):
    account.fault(operation="Publish", error=BUSY, times=None)
    account.fault(operation=operation, error=BUSY, times=None)

    assert send() is False


def test_a_function_that_dies_after_its_row_leaves_it_unsent_rather_than_sent_twice(
    send, inbox, account
):
    account.fault(operation="Publish", crash=True)
    with pytest.raises(Crash):
        send()

    assert send() is False
    assert inbox() == []


def test_a_notice_needs_no_lock(send, workflow):
    workflow.ledger.put("lock", {"owner": "another"})

    assert send() is True


def test_what_a_later_version_wrote_is_in_no_ones_way(send, workflow):
    workflow.ledger.put("notice#repaired#z", {"version": 99, "about": "x"})

    assert send() is True


def test_a_teardown_erases_the_notices_so_that_the_next_deployment_begins_anew(
    send, workflow, inbox
):
    workflow.start()
    send("a")
    lifecycle.end_teardown(workflow.ledger)

    assert rows(workflow) == {}
    assert send("b") is True
    assert len(inbox()) == 2
