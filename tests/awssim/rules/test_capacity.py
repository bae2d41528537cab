"""Launches are refused where a test says that something is short, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

_BLOCK = "cr-0123456789abcdef0"
_TARGET = {"CapacityReservationTarget": {"CapacityReservationId": _BLOCK}}


def _refusal(ec2: Any, launch: dict[str, Any]) -> tuple[str, int] | None:
    try:
        ec2.run_instances(**launch)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return error.response["Error"]["Code"], status
    return None


def test_a_dry_pool_is_refused_as_a_fault_of_the_server(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    account.capacity.short(instance_type="t3.large", market="on-demand")

    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    assert _refusal(ec2, launch) == ("InsufficientInstanceCapacity", 500)
    assert _refusal(ec2, launch | spot) is None
    assert _refusal(ec2, launch | {"InstanceType": "t3.xlarge"}) is None


def test_a_shortage_has_its_zone_and_its_end(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    account.capacity.short("VcpuLimitExceeded", zone="another zone")
    assert _refusal(ec2, launch) is None

    account.capacity.short("VcpuLimitExceeded", seconds=600)
    assert _refusal(ec2, launch) == ("VcpuLimitExceeded", 400)

    account.clock.advance(600)
    assert _refusal(ec2, launch) is None


def test_an_answer_is_replayed_although_the_pool_is_dry(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    launch["ClientToken"] = "one"
    [first] = ec2.run_instances(**launch)["Instances"]
    account.capacity.short()

    [second] = ec2.run_instances(**launch)["Instances"]

    assert second["InstanceId"] == first["InstanceId"]


def test_a_refused_token_may_be_used_again(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    launch["ClientToken"] = "one"
    account.capacity.short()
    refused = _refusal(ec2, launch)
    account.capacity.plentiful()

    assert refused is not None
    assert _refusal(ec2, launch) is None


@pytest.mark.parametrize(
    ("kind", "market", "code"),
    [
        ("default", None, None),
        ("default", "capacity-block", "InvalidParameterCombination"),
        ("capacity-block", "capacity-block", None),
        ("capacity-block", None, "InvalidParameterCombination"),
    ],
)
def test_a_block_is_bought_as_a_block(
    account: Account, ec2: Any, launch: dict[str, Any], kind: str, market: str, code: str
) -> None:
    with account.uncounted():
        [subnet] = ec2.describe_subnets(SubnetIds=[launch["NetworkInterfaces"][0]["SubnetId"]])[
            "Subnets"
        ]
    account.capacity.reserve(_BLOCK, "t3.large", subnet["AvailabilityZone"], kind=kind)
    options = {"InstanceMarketOptions": {"MarketType": market}} if market else {}

    refused = _refusal(ec2, launch | options | {"CapacityReservationSpecification": _TARGET})

    assert (refused[0] if refused else None) == code


def test_a_reservation_serves_its_own_type_and_zone_only(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    account.capacity.reserve(_BLOCK, "t3.xlarge", "us-east-1a")
    launch["CapacityReservationSpecification"] = _TARGET

    assert _refusal(ec2, launch) == ("ReservationCapacityExceeded", 400)

    launch["CapacityReservationSpecification"] = {
        "CapacityReservationTarget": {"CapacityReservationId": "cr-0000000000000000a"}
    }
    assert _refusal(ec2, launch) == ("InvalidCapacityReservationId.NotFound", 400)


def test_spot_prices_are_asked_for_by_type(account: Account, ec2: Any) -> None:
    account.capacity.prices["t3.large", "us-east-1b"] = "0.010000"

    found = ec2.describe_spot_price_history(InstanceTypes=["t3.large"])["SpotPriceHistory"]

    assert {price["InstanceType"] for price in found} == {"t3.large"}
    by_zone = {price["AvailabilityZone"]: price["SpotPrice"] for price in found}
    assert by_zone["us-east-1b"] == "0.010000"
    assert len(by_zone) > 1


def test_a_launch_that_names_no_subnet_is_short_in_no_zone(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    del launch["NetworkInterfaces"]
    account.capacity.short(zone="us-east-1a")

    assert _refusal(ec2, launch) is None
