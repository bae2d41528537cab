"""Status checks fail where a test says so, until a boot or other hardware mends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awssim.rules.instances import STOP_SECONDS
from awssim.rules.status_checks import INITIALIZING_SECONDS

if TYPE_CHECKING:
    from awssim import Account
    from awssim.rules.status_checks import Check


def _statuses(ec2: Any, instance: str) -> list[tuple[str, str, str]]:
    found = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    fields = ("SystemStatus", "InstanceStatus", "AttachedEbsStatus")
    return [tuple(each[field]["Status"] for field in fields) for each in found]


def test_a_new_instance_initializes_and_is_well_after_two_minutes(
    account: Account, ec2: Any, instance: str
) -> None:
    at_first = _statuses(ec2, instance)
    account.clock.advance(INITIALIZING_SECONDS)

    assert at_first == [("initializing",) * 3]
    assert _statuses(ec2, instance) == [("ok",) * 3]


@pytest.mark.parametrize(
    ("check", "seen"),
    [
        ("system", ("impaired", "ok", "ok")),
        ("instance", ("ok", "impaired", "ok")),
        ("attached-ebs", ("ok", "ok", "impaired")),
    ],
)
def test_a_failed_check_is_impaired_with_its_time(
    account: Account, ec2: Any, instance: str, check: Check, seen: tuple[str, ...]
) -> None:
    account.clock.advance(INITIALIZING_SECONDS)
    account.checks.fail(instance, check)

    [status] = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]

    assert _statuses(ec2, instance) == [seen]
    [failed] = [each for each in status.values() if "impaired" in str(each)]
    assert failed["Details"][0]["Status"] == "failed"
    assert failed["Details"][0]["ImpairedSince"] <= account.clock.now()


@pytest.mark.parametrize(("check", "after"), [("instance", "ok"), ("system", "impaired")])
def test_a_reboot_mends_the_instance_and_not_its_hardware(
    account: Account, ec2: Any, instance: str, check: Check, after: str
) -> None:
    account.clock.advance(INITIALIZING_SECONDS)
    account.checks.fail(instance, check)

    ec2.reboot_instances(InstanceIds=[instance])

    [(system, machine, _)] = _statuses(ec2, instance)
    assert {"system": system, "instance": machine}[check] == after
    assert account.checks.reboots() == [instance]
    assert account.checks.reboots() == []


def test_a_stop_and_start_mends_both_and_initializes_again(
    account: Account, ec2: Any, instance: str
) -> None:
    account.clock.advance(INITIALIZING_SECONDS)
    account.checks.fail(instance, "system")
    account.checks.fail(instance, "instance")

    ec2.stop_instances(InstanceIds=[instance])
    account.clock.advance(STOP_SECONDS)
    stopped = _statuses(ec2, instance)
    ec2.start_instances(InstanceIds=[instance])
    account.clock.advance(INITIALIZING_SECONDS - 1)
    started = _statuses(ec2, instance)
    account.clock.advance(1)

    assert stopped == []
    assert started == [("initializing",) * 3]
    assert _statuses(ec2, instance) == [("ok",) * 3]


def test_each_change_of_a_check_is_announced_once(account: Account, instance: str) -> None:
    account.checks.fail(instance, "system")
    account.checks.fail(instance, "system")
    account.checks.passes(instance, "system")
    account.checks.passes(instance, "system")

    assert account.checks.changes() == [(instance, "system", True), (instance, "system", False)]
    assert account.checks.changes() == []


def test_a_snapshot_has_the_failed_checks(account: Account, ec2: Any, instance: str) -> None:
    account.clock.advance(INITIALIZING_SECONDS)
    account.checks.fail(instance, "system")

    account.restore(account.snapshot())

    assert _statuses(ec2, instance) == [("impaired", "ok", "ok")]
    account.checks.passes(instance, "system")
    assert _statuses(ec2, instance) == [("ok",) * 3]
