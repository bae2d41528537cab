from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awssim.furnish import NOTICE_TOPIC
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


def publish(account: Account, **parameters: Any) -> Any:
    return account.client("sns").publish(TopicArn=NOTICE_TOPIC, **parameters)


@pytest.mark.parametrize("subject", ["prod is down", "x" * 99])
def test_a_notice_is_published(account: Account, subject: str) -> None:
    assert publish(account, Subject=subject, Message="what: größe\n")["MessageId"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"Subject": "x" * 100},
        {"Subject": ""},
        {"Subject": "two\nlines"},
        {"Subject": "größe"},
        {"Message": ""},
        {"Message": "x" * 262_145},
        {"MessageAttributes": {"kind": {"DataType": "String", "StringValue": ""}}},
    ],
    ids=["long", "empty", "lines", "not ASCII", "no message", "long message", "empty attribute"],
)
def test_what_sns_refuses_is_refused(account: Account, wrong: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=r"Invalid parameter|must contain"):
        publish(account, **{"Subject": "s", "Message": "m", **wrong})


def test_an_unknown_topic_is_refused(account: Account) -> None:
    with pytest.raises(ClientError) as refused:
        account.client("sns").publish(TopicArn=f"{NOTICE_TOPIC}-2", Message="m")

    assert refused.value.response["Error"]["Code"] == "NotFound"


def test_a_topic_outlives_a_snapshot(account: Account) -> None:
    account.restore(account.snapshot())

    assert publish(account, Subject="s", Message="m")["MessageId"]
