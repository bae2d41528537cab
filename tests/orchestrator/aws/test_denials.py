"""What STS reads out of a denial of EC2's, and that a denial without it stays as it was."""

from __future__ import annotations

import json

import pytest
from awssim import error
from botocore.exceptions import ClientError
from orchestrator.aws.denials import explained, sentence

ENCODED = "You are not authorized. Encoded authorization failure message: c2VjcmV0"
DECODED = {
    "allowed": False,
    "explicitDeny": False,
    "matchedStatements": {"items": []},
    "context": {
        "principal": {"arn": "arn:aws:sts::123456789012:assumed-role/step/x"},
        "action": "ec2:RunInstances",
        "resource": "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1",
    },
}


class Sts:
    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def decode_authorization_message(self, *, EncodedMessage):  # noqa: N803
        self.asked.append(EncodedMessage)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"DecodedMessage": json.dumps(self.answer)}


def raised(sts, code="UnauthorizedOperation", message=ENCODED):
    with pytest.raises(ClientError) as caught, explained(lambda: sts):
        raise error(code, message, status=403).of("RunInstances")
    return caught.value


def test_action_resource_and_reason_are_in_the_message():
    sts = Sts(DECODED)

    denial = raised(sts)

    assert sts.asked == ["c2VjcmV0"]
    assert denial.response["Error"]["Code"] == "UnauthorizedOperation"
    assert "ec2:RunInstances on arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1" in str(denial)
    assert "no policy allows it" in str(denial)


def test_an_explicit_deny_is_named():
    items = [{"statementId": "OnlyInBusinessHours", "effect": "DENY"}, {"statementId": ""}]
    denied = {**DECODED, "explicitDeny": True, "matchedStatements": {"items": items}}

    assert "denies it explicitly (OnlyInBusinessHours)" in sentence(denied)
    assert "without a Sid" in sentence({**denied, "matchedStatements": {"items": []}})


def test_a_message_that_sts_does_not_decode_stays():
    sts = Sts(error("AccessDenied", status=403).of("DecodeAuthorizationMessage"))

    assert ENCODED in str(raised(sts))


def test_other_errors_are_not_asked_about():
    sts = Sts(DECODED)

    assert "VpcLimitExceeded" in str(raised(sts, code="VpcLimitExceeded"))
    assert "denied" in str(raised(sts, message="denied"))
    assert sts.asked == []
