from __future__ import annotations

import json
from typing import Any

import pytest
from awssim import Account
from awssim.rules.catalogue import IMAGES
from botocore.exceptions import ClientError

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


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:policy/none", BASIC])
def test_a_boundary_is_a_policy_of_this_account(iam: Any, arn: str) -> None:
    trust = '{"Statement": []}'
    with pytest.raises(ClientError, match="does not exist or is not attachable"):
        iam.create_role(RoleName="x", AssumeRolePolicyDocument=trust, PermissionsBoundary=arn)
    with pytest.raises(ClientError, match="does not exist or is not attachable"):
        iam.put_role_permissions_boundary(RoleName="step", PermissionsBoundary=arn)


def test_an_instance_gets_no_profile_without_a_role(
    account: Account, iam: Any, launch: dict[str, Any]
) -> None:
    iam.create_instance_profile(InstanceProfileName="empty")

    with pytest.raises(ClientError, match="has no associated IAM Roles"):
        account.client("ec2").run_instances(**launch, IamInstanceProfile={"Name": "empty"})


def test_ec2_knows_a_new_profile_a_while_later() -> None:
    image = next(iter(IMAGES.values()))
    launch = {"ImageId": image, "InstanceType": "t3.large", "MinCount": 1, "MaxCount": 1}
    with Account(tag_lag=20).active() as account:
        iam, ec2 = account.client("iam"), account.client("ec2")
        iam.create_role(RoleName="step", AssumeRolePolicyDocument='{"Statement": []}')
        iam.create_instance_profile(InstanceProfileName="new")
        iam.add_role_to_instance_profile(InstanceProfileName="new", RoleName="step")
        request = {**launch, "IamInstanceProfile": {"Name": "new"}}

        with pytest.raises(ClientError, match="Invalid IAM Instance Profile name"):
            ec2.run_instances(**request)
        account.clock.advance(20)

        assert ec2.run_instances(**request)["Instances"]
