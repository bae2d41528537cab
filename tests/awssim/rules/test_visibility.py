from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awssim import Account, furnish

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_TAG = [{"Name": "tag:owner", "Values": ["us"]}]


def _tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "owner", "Value": "us"}]}]


@pytest.fixture
def account() -> Iterator[Account]:
    """Tags show after 20 s here."""
    with Account(tag_lag=20).active() as opened:
        furnish(opened)
        yield opened


def test_a_new_vpc_is_found_by_its_tag_only_after_the_lag(account: Account, ec2: Any) -> None:
    ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=_tagged("vpc"))
    at_once = ec2.describe_vpcs(Filters=_BY_TAG)["Vpcs"]

    account.clock.advance(20)

    assert at_once == []
    assert len(ec2.describe_vpcs(Filters=_BY_TAG)["Vpcs"]) == 1


def test_a_new_vpc_is_found_by_its_id_at_once(ec2: Any) -> None:
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=_tagged("vpc"))["Vpc"]

    found = ec2.describe_vpcs(VpcIds=[made["VpcId"]])["Vpcs"]

    assert len(found) == 1


def test_a_new_instance_is_found_by_its_tag_only_after_the_lag(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    ec2.run_instances(**launch, TagSpecifications=_tagged("instance"))
    at_once = ec2.describe_instances(Filters=_BY_TAG)["Reservations"]

    account.clock.advance(20)

    assert at_once == []
    assert len(ec2.describe_instances(Filters=_BY_TAG)["Reservations"]) == 1


def test_the_inventory_sees_what_is_too_new_for_a_tag_filter(account: Account, ec2: Any) -> None:
    allocated = ec2.allocate_address(Domain="vpc", TagSpecifications=_tagged("elastic-ip"))

    found = ec2.describe_addresses(Filters=_BY_TAG)["Addresses"]

    assert found == []
    assert account.inventory()["addresses"] == [allocated["AllocationId"]]
