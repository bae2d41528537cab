from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from awssim import crash_points, sweep

if TYPE_CHECKING:
    from awssim import Account

_TAGGED = [{"Name": "tag:Name", "Values": ["prod"]}]


def _create_vpc(account: Account) -> None:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "prod"}]}]
    account.client("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)


def _careless(account: Account) -> None:
    account.client("ec2").describe_availability_zones()
    _create_vpc(account)


def _careful(account: Account) -> None:
    if not account.client("ec2").describe_vpcs(Filters=_TAGGED)["Vpcs"]:
        _create_vpc(account)


def _patient(account: Account) -> None:
    account.clock.advance(20)
    _careful(account)


def _tear_down(account: Account) -> None:
    ec2 = account.client("ec2")
    for vpc in ec2.describe_vpcs(Filters=_TAGGED)["Vpcs"]:
        ec2.delete_vpc(VpcId=vpc["VpcId"])


def test_the_crash_points_are_the_calls_of_an_undisturbed_run() -> None:
    assert crash_points(_careless) == 2
    assert crash_points(_tear_down) == 1
    assert crash_points(_tear_down, prepare=_careful) == 2


def test_a_create_that_does_not_look_first_is_caught() -> None:
    failures = sweep(_careless)

    assert [(failure.call, failure.when) for failure in failures] == [("2 ec2.CreateVpc", "after")]
    expected, found = failures[0].difference["vpcs"]
    assert (len(expected), len(found)) == (1, 2)


def test_a_create_that_looks_first_passes() -> None:
    assert sweep(_careful) == []


def test_a_look_by_tag_is_not_enough_when_tags_lag() -> None:
    assert len(sweep(_careful, tag_lag=20)) == 1
    assert sweep(_careful, _patient, tag_lag=20) == []


def test_a_teardown_is_swept_after_an_undisturbed_provision() -> None:
    assert sweep(_tear_down, prepare=_careful) == []


def test_an_abandoned_provision_is_swept_by_a_teardown() -> None:
    assert sweep(_careful, _tear_down, expected={}) == []


def test_a_rerun_that_fails_is_a_failure() -> None:
    def rerun(_: Account) -> None:
        raise LookupError("nothing here")

    failures = sweep(_careful, rerun, points=[1])

    assert [failure.error for failure in failures] == ["LookupError('nothing here')"] * 2


def test_a_point_beyond_the_last_call_is_a_failure() -> None:
    [failure, _] = sweep(_careful, points=[99])

    assert failure.error == "the run made no such call, or survived it"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_swallows_the_crash_is_a_failure(when: str) -> None:
    def immortal(account: Account) -> None:
        with suppress(BaseException):
            _careful(account)

    assert when in {failure.when for failure in sweep(immortal)}
