from __future__ import annotations

import io
from typing import Any

import pytest
from awssim import Account
from botocore.exceptions import ClientError


def test_a_restored_account_is_what_it_was(account: Account, ec2: Any, instance: str) -> None:
    account.client("s3").create_bucket(Bucket="kept")
    account.client("s3").put_object(Bucket="kept", Key="a", Body=io.BytesIO(b"1"))
    account.client("ssm").put_parameter(Name="/kept", Value="x", Type="SecureString")
    before, seconds = account.inventory(), account.clock.seconds
    snapshot = account.snapshot()
    ec2.terminate_instances(InstanceIds=[instance])
    account.client("s3").delete_object(Bucket="kept", Key="a")
    account.client("ssm").delete_parameter(Name="/kept")
    account.clock.advance(60)

    for _ in range(2):
        account.restore(snapshot)

        assert (account.inventory(), account.clock.seconds) == (before, seconds)
    with account.uncounted():
        stored = account.client("s3").get_object(Bucket="kept", Key="a")["Body"].read()
        secret = account.client("ssm").get_parameter(Name="/kept", WithDecryption=True)
    assert (stored, secret["Parameter"]["Value"]) == (b"1", "x")


def test_what_takes_time_goes_on_after_the_restoration(
    account: Account, ec2: Any, instance: str
) -> None:
    ec2.stop_instances(InstanceIds=[instance])
    account.restore(account.snapshot())

    account.clock.advance(30)

    [[found]] = [r["Instances"] for r in ec2.describe_instances()["Reservations"]]
    assert found["State"]["Name"] == "stopped"


def test_a_token_is_known_after_the_restoration(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    made = ec2.run_instances(**launch, ClientToken="t")["Instances"][0]["InstanceId"]

    account.restore(account.snapshot())

    assert ec2.run_instances(**launch, ClientToken="t")["Instances"][0]["InstanceId"] == made
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        ec2.run_instances(**{**launch, "InstanceType": "t3.small"}, ClientToken="t")


def test_the_owner_of_a_bucket_is_known_after_the_restoration(account: Account) -> None:
    account.buckets.plant("planted", owner="210987654321", region="us-east-1")

    account.restore(account.snapshot())

    with pytest.raises(ClientError, match="AccessDenied"):
        account.client("s3").head_bucket(Bucket="planted", ExpectedBucketOwner="123456789012")


def test_another_account_can_be_restored_and_knows_what_was_given(furnished: bytes) -> None:
    with Account().active() as account:
        account.restore(furnished)

        assert account.inventory() == {}
        assert account.client("route53").list_hosted_zones()["HostedZones"]


def test_late_tags_are_late_after_the_restoration() -> None:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "prod"}]}]
    by_tag = [{"Name": "tag:Name", "Values": ["prod"]}]
    with Account(tag_lag=20).active() as account:
        ec2 = account.client("ec2")
        ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)
        snapshot = account.snapshot()

    with Account().active() as account:
        account.restore(snapshot)

        assert ec2.describe_vpcs(Filters=by_tag)["Vpcs"] == []
        account.clock.advance(20)
        assert len(ec2.describe_vpcs(Filters=by_tag)["Vpcs"]) == 1
