from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


@pytest.fixture
def iam(account: Account) -> Any:
    client = account.client("iam")
    with account.uncounted():
        client.create_role(RoleName="step", AssumeRolePolicyDocument='{"Statement": []}')
    return client


def test_a_policy_of_awss_own_can_be_attached(iam: Any) -> None:
    iam.attach_role_policy(RoleName="step", PolicyArn=BASIC)

    attached = iam.list_attached_role_policies(RoleName="step")["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [BASIC]


@pytest.mark.parametrize("arn", [BASIC + "X", BASIC.replace("aws:policy", "123456789012:policy")])
def test_a_policy_that_does_not_exist_cannot_be_attached(iam: Any, arn: str) -> None:
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.attach_role_policy(RoleName="step", PolicyArn=arn)


def test_a_policy_may_leave_its_version_out(iam: Any) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

    iam.put_role_policy(
        RoleName="step", PolicyName="read", PolicyDocument=json.dumps({"Statement": [statement]})
    )

    kept = iam.get_role_policy(RoleName="step", PolicyName="read")["PolicyDocument"]
    assert kept["Statement"] == [statement]


def test_a_role_that_is_not_in_the_profile_cannot_leave_it(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="empty")

    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.remove_role_from_instance_profile(InstanceProfileName="empty", RoleName="step")
