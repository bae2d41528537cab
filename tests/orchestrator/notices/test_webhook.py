"""The webhook's function: from what SNS hands over to what Slack, Teams and others get."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from orchestrator import handlers
from orchestrator.aws import naming
from orchestrator.errors import Refused, Undelivered
from orchestrator.notices import destination, posting, shapes
from orchestrator.notices.shapes import Published, Shape
from steps import INSTALLATION, NOTICE_TOPIC

from .conftest import SECRET

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
NOTICE = {
    "MessageId": "m-1",
    "Subject": "Lamplighter: prod is down",
    "Message": "What:   <!channel> a & b\nRun:    lamplighter status\n",
    "Timestamp": "2026-11-28T03:12:40.000Z",
    "MessageAttributes": {
        "kind": {"Type": "String", "Value": "explained"},
        "deployment": {"Type": "String", "Value": "prod"},
    },
}
ALARM = {
    "AlarmName": "lamplighter-DeadLettersAlarm",
    "AlarmDescription": "an event could not be delivered",
    "OldStateValue": "OK",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "Trigger": {"MetricName": "ApproximateNumberOfMessagesVisible"},
}


@pytest.fixture
def configured(workflow, monkeypatch, account):
    """Call it with a URL: the installation's webhook."""
    for module in ("handlers", "step", "events.published_notices"):
        monkeypatch.setattr(f"orchestrator.{module}.aws", lambda: workflow.clients)

    def put(url):
        with account.uncounted():
            name = naming.webhook_parameter(INSTALLATION)
            account.client("ssm").put_parameter(Name=name, Value=url, Type="SecureString")

    return put


@pytest.fixture
def delivered(configured, trusted, hook, monkeypatch):
    """Call it with a message: the function's answer, and what the webhook got."""
    monkeypatch.setattr(destination, "is_public", lambda _: True)
    monkeypatch.setattr(posting.socket, "getaddrinfo", _loopback(hook))
    monkeypatch.setattr(posting.time, "sleep", lambda _: None)
    configured(hook.url)

    def act(message):
        answer = invoke(message)
        return answer, [json.loads(body) for _, _, body in hook.heard]

    return act


def _loopback(hook):
    return lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", hook.port))]


def invoke(message):
    return handlers.webhook_function({"Records": [{"Sns": message}]}, CONTEXT)


def test_a_notice_is_posted_as_plain_json(delivered):
    answer, got = delivered(NOTICE)

    assert answer == [{"posted": True, "shape": "json"}]
    assert got == [
        {
            "id": "m-1",
            "kind": "explained",
            "deployment": "prod",
            "title": "Lamplighter: prod is down",
            "text": NOTICE["Message"],
            "at": "2026-11-28T03:12:40.000Z",
        }
    ]


def test_without_a_webhook_nothing_is_posted(configured):
    assert invoke(NOTICE) == [{"posted": False, "shape": None}]


def test_a_failure_is_the_functions_and_neither_it_nor_the_log_has_the_url(delivered, hook, caplog):
    hook.answers = [503]

    with pytest.raises(Undelivered, match="3 attempts: it answers 503") as refusal:
        delivered(NOTICE)

    assert SECRET not in f"{refusal.value!r}{logged(caplog)}"


def test_a_success_logs_no_url(delivered, caplog):
    delivered(NOTICE)

    assert "posted" in logged(caplog)
    assert SECRET not in logged(caplog)


def logged(caplog):
    return str([vars(record) for record in caplog.records])


def test_a_url_that_is_none_is_an_error_with_its_remedy(configured):
    configured("http://planted.example.com/x")

    with pytest.raises(Undelivered, match="lamplighter notify --webhook URL") as refusal:
        invoke(NOTICE)
    assert "planted" not in str(refusal.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hooks.slack.com", Shape.SLACK),
        ("contoso.webhook.office.com", Shape.TEAMS),
        ("prod-23.westeurope.logic.azure.com", Shape.TEAMS),
        ("x.9a.environment.api.powerplatform.com", Shape.TEAMS),
        ("hooks.slack.com.evil.example", Shape.JSON),
        ("nothooks.slack.com", Shape.JSON),
        ("webhook.office.com.evil.example", Shape.JSON),
        ("alerts.example.com", Shape.JSON),
    ],
)
def test_the_shape_follows_from_the_host(host, expected):
    assert shapes.shape_of(host) is expected


def shaped(shape, message=NOTICE):
    return json.loads(shapes.body(shape, Published.of(message)))


def test_slack_gets_text_that_mentions_no_one():
    assert shaped(Shape.SLACK) == {
        "text": "*Lamplighter: prod is down*\n"
        "```What:   &lt;!channel&gt; a &amp; b\nRun:    lamplighter status```"
    }


def test_teams_gets_an_adaptive_card_with_a_block_for_each_line():
    document = shaped(Shape.TEAMS)

    [attachment] = document["attachments"]
    assert document["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert [block["text"] for block in card["body"]] == [
        "Lamplighter: prod is down",
        "What:   <!channel> a & b",
        "Run:    lamplighter status",
    ]
    assert all(block["wrap"] for block in card["body"])


def test_a_hosts_words_become_no_link_in_a_card():
    document = shaped(Shape.TEAMS, {"Message": "What: [log in](https://evil.example)"})

    assert "](" not in json.dumps(document)


@pytest.mark.parametrize("shape", Shape)
def test_an_alarm_of_cloudwatch_is_put_into_words(shape):
    message = {"Subject": 'ALARM: "x" in US East', "Message": json.dumps(ALARM)}

    text = json.dumps(shaped(shape, message))

    for part in ("lamplighter-DeadLettersAlarm", "could not be delivered", "Threshold Crossed"):
        assert part in text
    assert "MetricName" not in text


@pytest.mark.parametrize("text", ["[1]", '"x"', "{}", "plain"])
def test_what_is_no_alarm_stays_as_it_is(text):
    assert Published.of({"Message": text}).text == text


@pytest.mark.parametrize("shape", Shape)
def test_a_huge_message_is_cut(shape):
    assert len(shapes.body(shape, Published.of({"Message": "x" * 250_000}))) < 28_000


@pytest.mark.parametrize("is_set", [False, True])
def test_a_test_notice_says_where_it_went(configured, account, is_set):
    if is_set:
        configured("https://hooks.slack.com/x")
    with account.uncounted():
        account.client("sqs").create_queue(QueueName="inbox")
        sns, queue = account.client("sns"), "arn:aws:sqs:us-east-1:123456789012:inbox"
        sns.subscribe(TopicArn=NOTICE_TOPIC, Protocol="sqs", Endpoint=queue)

    answer = handlers.notice_function({"verb": "test"}, CONTEXT)

    assert answer == {"confirmed": 1, "pending": 0, "webhook": is_set}
    [publish] = [call for call in account.calls if call.operation == "Publish"]
    assert publish.parameters["Subject"] == "Lamplighter: a test notice"


def test_subscriptions_that_wait_for_their_confirmation_are_counted_apart(
    configured, workflow, monkeypatch
):
    """Moto confirms every subscription at once."""
    arns = [
        *(("email", "PendingConfirmation"), ("email", "arn:a"), ("lambda", "arn:b")),
        ("email", "Deleted"),
    ]
    page = {"Subscriptions": [{"Protocol": p, "SubscriptionArn": arn} for p, arn in arns]}
    pages = SimpleNamespace(paginate=lambda **_: [page])
    monkeypatch.setattr(workflow.clients.sns, "get_paginator", lambda _: pages)

    answer = handlers.notice_function({"verb": "test"}, CONTEXT)

    assert (answer["confirmed"], answer["pending"]) == (1, 1)


def test_a_test_that_aws_refuses_is_an_error(configured, account):
    with account.uncounted():
        account.client("sns").delete_topic(TopicArn=NOTICE_TOPIC)

    with pytest.raises(Refused, match="NotFound"):
        handlers.notice_function({"verb": "test"}, CONTEXT)
