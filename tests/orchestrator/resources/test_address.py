"""The Elastic IPs: the endpoint's, which moves from host to host, and a successor's beside it."""

from __future__ import annotations

from functools import partial

import pytest
from awssim import Crash, error
from orchestrator.aws import naming
from orchestrator.errors import AddressLimit, Refused
from orchestrator.resources import address, instance

FULL = error("AddressLimitExceeded", "5 of 5")


@pytest.fixture
def switched(complete):
    """Generation 2 is the deployment's, and has no address yet; generation 1 still has one."""
    with complete.account.uncounted():
        complete.run(partial(instance.replace, generation=1))
        complete.promote()
    return complete


def ensure(workflow, *, beside):
    return workflow.run(partial(address.ensure, beside=beside))


def held(workflow):
    """Instance of each Elastic IP, by its role."""
    found = workflow.clients.ec2.describe_addresses(Filters=naming.owned("demo"))["Addresses"]
    role = {
        each["AllocationId"]: tag["Value"]
        for each in found
        for tag in each["Tags"]
        if tag["Key"] == naming.ROLE
    }
    return {role[each["AllocationId"]]: each.get("InstanceId") for each in found}


def instance_of(workflow, generation):
    return workflow.ledger.host(generation).instance_id


def test_the_address_moves_to_the_host_that_serves(switched):
    before = switched.ledger.deployment().address

    assert ensure(switched, beside=False)["address"] == before

    assert held(switched) == {"address-1": instance_of(switched, 2)}


def test_beside_a_predecessor_the_successor_gets_another_address(switched):
    before = switched.ledger.deployment().address

    given = [ensure(switched, beside=True)["address"] for _ in range(2)]

    assert given == [switched.ledger.deployment().address] * 2
    assert before not in given
    assert held(switched) == {
        "address-1": instance_of(switched, 1),
        "address-2": instance_of(switched, 2),
    }


def test_the_predecessors_address_is_released_at_the_end(switched):
    ensure(switched, beside=True)

    switched.clear(address.release_addresses)
    switched.clear(address.release_addresses)

    assert held(switched) == {"address-2": instance_of(switched, 2)}
    assert ensure(switched, beside=False)["address"] == switched.ledger.deployment().address
    assert held(switched) == {"address-2": instance_of(switched, 2)}


def test_without_a_quota_for_a_second_address_traffic_moves_another_way(switched, account):
    before = switched.ledger.deployment()
    account.fault(operation="AllocateAddress", error=FULL)

    with pytest.raises(AddressLimit):
        ensure(switched, beside=True)

    assert switched.ledger.deployment() == before
    assert held(switched) == {"address-1": instance_of(switched, 1)}
    assert ensure(switched, beside=False)["address"] == before.address


def test_a_first_address_that_a_quota_refuses_is_an_ordinary_refusal(provisioned_before, account):
    workflow = provisioned_before(address)
    workflow.promote()
    account.fault(operation="AllocateAddress", error=FULL)

    with pytest.raises(Refused) as refusal:
        ensure(workflow, beside=False)

    assert type(refusal.value) is Refused


@pytest.fixture
def earlier(switched):
    """The endpoint's address as version 1 made it: of the role `address`, a row without it."""
    row = switched.ledger.resource("address-1")
    with switched.account.uncounted():
        switched.ledger.forget("address-1")
        switched.ledger.intend("address")
        switched.ledger.ready("address", id=row.id)
        switched.clients.ec2.create_tags(
            Resources=[row.id], Tags=[{"Key": naming.ROLE, "Value": "address"}]
        )
    return switched


def test_the_address_of_an_earlier_version_stays_the_endpoints(earlier):
    before = earlier.ledger.deployment().address

    assert ensure(earlier, beside=False)["address"] == before

    assert held(earlier) == {"address": instance_of(earlier, 2)}


def test_the_address_of_an_earlier_version_is_released_after_its_host(earlier):
    ensure(earlier, beside=True)
    beside = dict(held(earlier))

    earlier.clear(address.release_addresses)

    assert set(beside) == {"address", "address-2"}
    assert held(earlier) == {"address-2": instance_of(earlier, 2)}


@pytest.mark.parametrize("beside", [True, False])
def test_a_teardown_releases_all_of_them(switched, account, beside):
    ensure(switched, beside=beside)

    switched.teardown()

    assert account.inventory() == {}


def test_an_allocation_whose_step_died_is_released_too(switched, account):
    account.fault(operation="AllocateAddress", when="after", crash=True)
    with pytest.raises(Crash):
        ensure(switched, beside=True)
    assert set(held(switched)) == {"address-1", "address-2"}

    switched.teardown()

    assert account.inventory() == {}


def test_an_allocation_whose_step_died_is_taken_up_again(switched, account):
    before = switched.ledger.deployment().address
    account.fault(operation="AllocateAddress", when="after", crash=True)
    with pytest.raises(Crash):
        ensure(switched, beside=True)

    assert ensure(switched, beside=True)["address"] != before

    assert set(held(switched)) == {"address-1", "address-2"}


def test_an_address_that_no_name_was_led_to_yet_is_not_the_endpoints(switched):
    """Its kind sorts before the endpoint's: address-10 before address-9."""
    before = switched.ledger.deployment().address
    switched.ledger.intend("address-0")

    assert ensure(switched, beside=False)["address"] == before
