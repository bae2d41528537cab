from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from awssim import Account, Crash, error
from botocore.exceptions import ClientError, ReadTimeoutError

if TYPE_CHECKING:
    from .conftest import Network


def test_set_up_is_neither_counted_nor_timed_nor_in_the_inventory(account: Account) -> None:
    assert account.calls == []
    assert account.clock.seconds == 0
    assert account.inventory() == {}


def test_calls_are_numbered_from_one_and_cost_virtual_time(account: Account, ec2: Any) -> None:
    ec2.describe_vpcs()
    ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert [str(call) for call in account.calls] == ["1 ec2.DescribeVpcs", "2 ec2.CreateVpc"]
    assert account.calls[1].parameters == {"CidrBlock": "10.0.0.0/16"}
    assert account.clock.seconds == pytest.approx(0.1)


def test_creating_calls_leave_out_reads_dry_runs_and_the_ledger(account: Account, ec2: Any) -> None:
    account.client("dynamodb").put_item(
        TableName="ledger", Item={"pk": {"S": "prod"}, "sk": {"S": "lock"}}
    )
    ec2.describe_vpcs()
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.create_internet_gateway(DryRun=True)

    ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert [call.number for call in account.creating_calls()] == [4]


def test_sleeping_takes_virtual_time_only(account: Account) -> None:
    before = account.clock.now()

    time.sleep(3600)

    assert account.clock.now() - before == timedelta(hours=1)


def test_a_client_of_the_code_under_test_needs_no_configuration(account: Account) -> None:
    boto3.client("ec2").describe_vpcs()

    assert len(account.calls) == 1


def test_closing_the_account_restores_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    sleep = time.sleep

    with Account().active():
        inside = os.environ["AWS_DEFAULT_REGION"]

    assert inside == "us-east-1"
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert time.sleep is sleep


def test_accounts_share_nothing() -> None:
    with Account().active() as first:
        first.client("s3").create_bucket(Bucket="left-behind")

    with Account().active() as second:
        assert second.inventory() == {}


def test_a_crash_before_a_call_leaves_no_effect(account: Account, ec2: Any) -> None:
    account.fault(operation="CreateVpc", when="before", crash=True)

    with pytest.raises(Crash):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert account.inventory() == {}


def test_a_crash_after_a_call_leaves_its_effect(account: Account, ec2: Any) -> None:
    account.fault(operation="CreateVpc", when="after", crash=True)

    with pytest.raises(Crash):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert len(account.inventory()["vpcs"]) == 1


def test_no_handler_of_exceptions_survives_a_crash() -> None:
    assert not issubclass(Crash, Exception)


def test_a_planted_refusal_looks_like_one_of_aws(account: Account, ec2: Any) -> None:
    account.fault(operation="CreateVpc", error=error("VpcLimitExceeded", "5 is all", status=400))

    with pytest.raises(ClientError) as caught:
        ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert caught.value.operation_name == "CreateVpc"
    assert caught.value.response["Error"] == {"Code": "VpcLimitExceeded", "Message": "5 is all"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_lost_reply_is_an_error_after_the_effect(account: Account, ec2: Any) -> None:
    lost = ReadTimeoutError(endpoint_url="ec2")
    account.fault(operation="CreateVpc", when="after", error=lost)

    with pytest.raises(ReadTimeoutError):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")

    assert len(account.inventory()["vpcs"]) == 1


def test_a_fault_strikes_once_unless_told_otherwise(account: Account, ec2: Any) -> None:
    account.fault(operation="DescribeVpcs", error=error("RequestLimitExceeded"))
    account.fault(operation="DescribeSubnets", error=error("RequestLimitExceeded"), times=None)

    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        ec2.describe_vpcs()
    assert ec2.describe_vpcs()["Vpcs"]
    for _ in range(3):
        with pytest.raises(ClientError, match="RequestLimitExceeded"):
            ec2.describe_subnets()


def test_a_fault_strikes_by_number_and_by_condition(account: Account, ec2: Any) -> None:
    account.fault(number=2, error=error("InternalError"))
    account.fault(where=lambda call: "VpcIds" in call.parameters, error=error("Unavailable"))

    ec2.describe_vpcs()
    with pytest.raises(ClientError, match="InternalError"):
        ec2.describe_vpcs()
    with pytest.raises(ClientError, match="Unavailable"):
        ec2.describe_vpcs(VpcIds=["vpc-0"])


def test_a_fault_that_never_struck_is_known(account: Account, ec2: Any) -> None:
    account.fault(operation="CreateVpc", crash=True)

    ec2.describe_vpcs()

    assert [fault.operation for fault in account.faults.unspent()] == ["CreateVpc"]


def test_a_fault_must_say_what_happens(account: Account) -> None:
    with pytest.raises(ValueError, match="either crash=True or error="):
        account.fault(operation="CreateVpc")


def test_uncounted_calls_meet_no_fault_but_obey_the_rules(
    account: Account, ec2: Any, network: Network, instance: str
) -> None:
    account.fault(operation="TerminateInstances", crash=True)

    with account.uncounted():
        ec2.terminate_instances(InstanceIds=[instance])
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_subnet(SubnetId=network.subnet)

    assert account.calls == []


def test_a_role_that_is_not_in_the_profile_is_no_crash_of_moto(account: Account) -> None:
    iam = account.client("iam")
    iam.create_instance_profile(InstanceProfileName="empty")

    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.remove_role_from_instance_profile(
            InstanceProfileName="empty", RoleName="lamplighter-instance"
        )
