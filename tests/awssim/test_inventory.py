from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awssim import Account, furnish

if TYPE_CHECKING:
    from .conftest import Network


def test_everything_a_deployment_makes_is_in_the_inventory(
    account: Account,
    ec2: Any,
    route53: Any,
    zone: str,
    network: Network,
    instance: str,
    nat_gateway: str,
    address: str,
) -> None:
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    account.client("ecr").create_repository(repositoryName="prod/gateway")
    account.client("s3").create_bucket(Bucket="scripts")
    account.client("s3").put_object(Bucket="scripts", Key="setup.sh", Body=b"#")
    account.client("ssm").put_parameter(Name="/prod/api-key", Value="x", Type="SecureString")
    record = {
        "Name": "infer.example.com",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )

    inventory = account.inventory()

    assert len(inventory.pop("volumes")) == 1
    assert len(inventory.pop("objects")) == 1
    assert inventory == {
        "addresses": [address],
        "buckets": ["scripts"],
        "instances": [instance],
        "internet_gateways": [network.internet_gateway],
        "nat_gateways": [nat_gateway],
        "parameters": ["/prod/api-key"],
        "records": ["infer.example.com. A"],
        "repositories": ["prod/gateway"],
        "route_tables": [table],
        "security_groups": [network.security_group],
        "subnets": [network.subnet],
        "vpcs": [network.vpc],
    }


def test_every_version_of_an_object_counts(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="scripts")
    s3.put_bucket_versioning(Bucket="scripts", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="scripts", Key="setup.sh", Body=b"1")
    s3.put_object(Bucket="scripts", Key="setup.sh", Body=b"2")

    s3.delete_object(Bucket="scripts", Key="setup.sh")

    assert account.shape()["objects"] == [
        "scripts/setup.sh",
        "scripts/setup.sh",
        "scripts/setup.sh (deleted)",
    ]
    assert account.shape()["buckets"] == ["scripts versioned"]


def test_the_same_steps_give_the_same_shape_in_another_account() -> None:
    def shape() -> object:
        with Account().active() as account:
            furnish(account)
            ec2 = account.client("ec2")
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
            return account.shape()

    assert shape() == shape()


def test_an_unknown_kind_is_no_empty_list(account: Account) -> None:
    inventory = account.inventory()

    assert inventory["vpcs"] == []
    with pytest.raises(KeyError, match="the kinds are"):
        inventory["vpc"]


def test_reading_the_inventory_changes_nothing_in_the_account(account: Account, ec2: Any) -> None:
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    account.fault(operation="DescribeVpcs", crash=True)

    before = (account.inventory(), len(account.calls), account.clock.seconds)
    after = (account.inventory(), len(account.calls), account.clock.seconds)

    assert after == before


def test_what_is_taken_as_given_is_left_out(account: Account) -> None:
    account.client("s3").create_bucket(Bucket="a-neighbours")

    account.take_as_given()

    assert account.inventory() == {}
