"""One instance, in the first pool that has one, whatever EC2 answers and wherever a step dies."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from awssim import Crash, error
from awssim.rules.instances import Instances
from botocore.exceptions import ReadTimeoutError
from orchestrator.aws import naming
from orchestrator.errors import InsufficientCapacity, Pending, Refused
from orchestrator.ledger.rows import CAPACITY
from orchestrator.resources import instance, network
from orchestrator.spec.parsing import parse
from steps import SPEC

ZONES = ["us-east-1a", "us-east-1b"]
POOLS = [
    (market, kind, zone)
    for market in ("spot", "on-demand")
    for kind in ("g6.xlarge", "g5.xlarge")
    for zone in ZONES
]
# code -> which properties of a refused pool the pools that rest share with it
SHARED = {
    "InsufficientInstanceCapacity": "market kind zone",
    "InsufficientHostCapacity": "market kind zone",
    "InsufficientCapacity": "market kind zone",
    "InsufficientReservedInstanceCapacity": "market kind zone",
    "UnfulfillableCapacity": "market kind zone",
    "ReservationCapacityExceeded": "market kind zone",
    "SpotMaxPriceTooLow": "market kind zone",
    "Unsupported": "kind zone",
    "InsufficientFreeAddressesInSubnet": "zone",
    "InsufficientVolumeCapacity": "zone",
    "VcpuLimitExceeded": "market kind",
    "MaxSpotInstanceCountExceeded": "market kind",
    "InstanceLimitExceeded": "market kind",
}
QUOTAS = ["VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceLimitExceeded"]


@pytest.fixture
def workflow(provisioned_before):
    """Everything but the host is there; two types in two zones, spot before on-demand."""
    found = provisioned_before(instance)
    return wanting(found, types=["g6.xlarge", "g5.xlarge"], market="spot-then-on-demand")


def wanting(workflow, **keys):
    workflow.deployment = parse({**SPEC, "instance": {"zones": ZONES, **keys}})
    return workflow


def ensure(workflow):
    """Return the step's answer, tried again while it is Pending."""
    return workflow.ensure(instance)


def wait(workflow, step=None):
    """Follow the workflow's waits; return them and the error that ends them."""
    waits = []
    try:
        while True:
            waits.append((workflow.run(step) if step else ensure(workflow))["wait_seconds"])
            host = workflow.ledger.hosts()[-1]
            assert host.phase == "waiting for capacity"
            assert f"asked {'once' if len(waits) == 1 else f'{len(waits)} times'}" in host.cause
            workflow.account.clock.advance(waits[-1])
    except InsufficientCapacity as end:
        return waits, str(end)


def another(workflow):
    """The same deployment's next workflow."""
    workflow.ledger = replace(workflow.ledger, owner="execution-two")
    workflow.start()


def asked(workflow):
    """The (market, type, zone) of every launch that EC2 was asked for."""
    with workflow.account.uncounted():
        subnets = workflow.clients.ec2.describe_subnets()["Subnets"]
    zones = {each["SubnetId"]: each["AvailabilityZone"] for each in subnets}
    return [
        (
            call.parameters.get("InstanceMarketOptions", {}).get("MarketType", "on-demand"),
            call.parameters["InstanceType"],
            zones[call.parameters["NetworkInterfaces"][0]["SubnetId"]],
        )
        for call in workflow.account.calls
        if call.operation == "RunInstances"
    ]


def tokens(workflow):
    calls = (c for c in workflow.account.calls if c.operation == "RunInstances")
    return [call.parameters["ClientToken"] for call in calls]


def instances(workflow):
    return workflow.account.inventory().get("instances", [])


def expected(code, refused):
    """The pools that are asked while these are refused with the code, up to the one that has it."""
    names = ("market", "kind", "zone")
    resting, order = [], []
    for pool in POOLS:
        mine = dict(zip(names, pool, strict=True))
        if any(shared.items() <= mine.items() for shared in resting):
            continue
        order.append(pool)
        if pool not in refused:
            return order
        resting.append({name: mine[name] for name in SHARED[code].split()})
    return order


@pytest.mark.parametrize("refused", [1, 3, 6])
@pytest.mark.parametrize("code", sorted(SHARED))
def test_a_refusal_leads_to_the_next_pool_that_may_have_an_instance(workflow, code, refused):
    for market, kind, zone in POOLS[:refused]:
        workflow.account.capacity.short(code, instance_type=kind, zone=zone, market=market)

    order = expected(code, POOLS[:refused])
    if order[-1] in POOLS[:refused]:  # those that were not asked rest with it
        with suppress(Refused):
            assert ensure(workflow)["instance_id"] is None
        assert instances(workflow) == []
    else:
        launched = ensure(workflow)
        assert instances(workflow) == [launched["instance_id"]]

    assert asked(workflow) == order
    assert len(set(tokens(workflow))) == len(tokens(workflow))


@pytest.mark.parametrize("code", sorted(set(SHARED) - set(QUOTAS)))
def test_without_capacity_anywhere_the_workflow_waits(workflow, code):
    workflow.account.capacity.short(code)

    waiting = ensure(workflow)

    assert waiting["instance_id"] is None
    assert waiting["wait_seconds"] >= 180
    assert waiting["generation"] == 0
    assert asked(workflow) == expected(code, POOLS)
    assert instances(workflow) == []
    assert [row.kind for row in workflow.ledger.resources() if row.kind.startswith("inst")] == []


@pytest.mark.parametrize("code", QUOTAS)
def test_a_quota_everywhere_is_not_waited_for(workflow, code):
    workflow.account.capacity.short(code)

    with pytest.raises(Refused, match=r"Service Quotas"):
        ensure(workflow)

    assert asked(workflow) == expected(code, POOLS)


def test_a_quota_that_an_ending_predecessor_fills_is_waited_for(complete):
    """EC2 counts an instance until it is terminated."""
    [predecessor] = instances(complete)
    [layer] = [each for each in complete.account.layers if isinstance(each, Instances)]
    complete.account.capacity.short("VcpuLimitExceeded", seconds=120)
    complete.clients.ec2.terminate_instances(InstanceIds=[predecessor])
    assert layer.state(predecessor) == "shutting-down"
    step = partial(instance.replace, generation=1, repairing=True)

    waiting = complete.run(step)

    assert (waiting["instance_id"], waiting["wait_seconds"] >= 180) == (None, True)
    complete.account.clock.advance(waiting["wait_seconds"])
    assert complete.run(step)["instance_id"] is not None


def test_a_spot_quota_leads_to_on_demand_and_a_shortage_there_is_waited_for(workflow):
    workflow.account.capacity.short("MaxSpotInstanceCountExceeded", market="spot")
    workflow.account.capacity.short(market="on-demand")

    assert ensure(workflow)["instance_id"] is None
    assert asked(workflow) == [POOLS[0], POOLS[2], *POOLS[4:]]


def test_a_smaller_type_of_the_same_quota_is_asked(workflow):
    """A quota of 8 vCPUs has no room for the first type, and has some for the second."""
    wanting(workflow, types=["g6.12xlarge", "g6.xlarge"])
    workflow.account.capacity.short("VcpuLimitExceeded", instance_type="g6.12xlarge")

    assert ensure(workflow)["instance_id"] is not None
    assert [kind for _, kind, _ in asked(workflow)] == ["g6.12xlarge", "g6.xlarge"]


def test_a_throttled_launch_is_asked_again_in_the_same_pool(workflow):
    workflow.account.fault(operation="RunInstances", error=error("RequestLimitExceeded"))

    ensure(workflow)

    assert asked(workflow) == [POOLS[0]] * 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [
        {"error": error("InternalError", status=500)},
        {"error": ReadTimeoutError(endpoint_url="https://ec2")},
        {"crash": True},
    ],
    ids=["server error", "no answer", "crash"],
)
def test_a_launch_without_an_answer_is_repeated_with_its_token(workflow, when, fault):
    workflow.account.capacity.short(zone=ZONES[0])
    second = itertools.count()
    workflow.account.fault(
        operation="RunInstances", when=when, **fault,
        where=lambda _: next(second) == (1 if when == "before" else 0),
    )  # fmt: skip

    for _ in range(2):
        try:
            launched = ensure(workflow)
        except Crash:
            continue

    first, *again = asked(workflow)
    assert first == POOLS[0]
    assert set(again) == {POOLS[1]}
    assert len(again) == (2 if when == "before" else 1)  # it is found by its tag
    assert len(set(tokens(workflow)[1:])) == 1
    assert instances(workflow) == [launched["instance_id"]]


def test_a_crash_before_any_call_of_the_search_ends_in_one_instance(workflow):
    """The first two pools are dry. A crash after a call is one before the next."""
    workflow.account.capacity.short(market="spot", instance_type="g6.xlarge")
    start = workflow.account.snapshot()
    before = len(workflow.account.calls)
    ensure(workflow)
    calls = len(workflow.account.calls) - before
    assert calls > 15

    for number in range(1, calls + 1):
        workflow.account.restore(start)
        workflow.account.calls.clear()
        workflow.account.fault(number=number, crash=True)
        with pytest.raises(Crash):
            ensure(workflow)

        launched = ensure(workflow)

        assert instances(workflow) == [launched["instance_id"]], number


def test_the_image_is_resolved_once_per_generation(workflow):
    workflow.account.capacity.short(seconds=600)
    ensure(workflow)
    workflow.account.fault(operation="GetParameter", error=error("ParameterNotFound"))
    workflow.account.clock.advance(600)

    assert ensure(workflow)["instance_id"] is not None


def test_one_invocation_asks_for_half_a_minute_at_most(workflow):
    workflow.account.capacity.short()
    slow = workflow.account.clock.advance
    workflow.account.fault(
        operation="RunInstances", error=error("none"), times=None,
        where=lambda _: slow(9) or False,
    )  # fmt: skip

    with pytest.raises(Pending, match="the next pools follow"):
        instance.ensure(workflow.clients, workflow.deployment, workflow.ledger)

    assert asked(workflow) == POOLS[:3]
    ensure(workflow)
    assert asked(workflow) == POOLS


def test_the_search_goes_on_until_its_deadline_and_says_what_it_asked_for(workflow):
    wanting(workflow, wait_minutes=10)
    workflow.account.capacity.short()

    waits, end = wait(workflow)

    assert 590 <= sum(waits) <= 600
    assert len(waits) > 2
    assert "no capacity for g6.xlarge in us-east-1a, b; asked" in end
    assert "raise instance.wait_minutes" in end
    assert workflow.ledger.hosts()[0].phase is None


def test_without_a_wait_every_pool_is_asked_once(workflow):
    wanting(workflow, wait_minutes=0)
    workflow.account.capacity.short()

    for _ in range(2):
        with pytest.raises(InsufficientCapacity, match=r"asked once, at last: "):
            ensure(workflow)
        another(workflow)

    assert len(asked(workflow)) == 2 * len(ZONES)


def test_a_repair_waits_for_hours(complete):
    wanting(complete, wait_minutes=0, repair_wait_hours=2)
    complete.account.capacity.short()
    step = partial(instance.replace, generation=1, repairing=True)

    waits, end = wait(complete, step)

    assert 7100 <= sum(waits) <= 7200
    assert "raise instance.repair_wait_hours" in end


def test_another_workflow_has_its_own_deadline_and_leaves_resting_pools_alone(workflow):
    wanting(workflow, wait_minutes=10)
    workflow.account.capacity.short(zone=ZONES[0])
    workflow.account.capacity.short(seconds=60)
    waiting = ensure(workflow)
    assert waiting["instance_id"] is None
    before = workflow.ledger.read(CAPACITY)
    workflow.account.clock.advance(100)

    another(workflow)
    ensure(workflow)

    assert asked(workflow)[-2:] == [("on-demand", "g6.xlarge", zone) for zone in ZONES]
    assert before["rounds"] == 1


def test_a_pool_without_a_subnet_is_not_asked(workflow):
    with workflow.account.uncounted():
        [subnet] = [
            s for s in workflow.clients.ec2.describe_subnets(
                Filters=[{"Name": "availability-zone", "Values": [ZONES[0]]}]
            )["Subnets"] if s["CidrBlock"].endswith("/24")
        ]  # fmt: skip
        workflow.clients.ec2.delete_subnet(SubnetId=subnet["SubnetId"])

    ensure(workflow)

    assert asked(workflow) == [POOLS[1]]


def test_a_reservation_is_launched_into(workflow):
    wanting(workflow, capacity_reservation="cr-0123456789abcdef0")
    workflow.account.capacity.reserve("cr-0123456789abcdef0", "g6.xlarge", ZONES[1])

    ensure(workflow)

    [call] = [c for c in workflow.account.calls if c.operation == "RunInstances"]
    target = call.parameters["CapacityReservationSpecification"]["CapacityReservationTarget"]
    assert target == {"CapacityReservationId": "cr-0123456789abcdef0"}
    assert asked(workflow) == [("on-demand", "g6.xlarge", ZONES[1])]


def test_a_reservation_that_is_over_keeps_no_repair_from_the_other_pools(complete):
    wanting(complete, capacity_reservation="cr-0123456789abcdef0")
    complete.account.capacity.reserve(
        "cr-0123456789abcdef0", "g6.xlarge", ZONES[1], state="expired"
    )
    complete.ensure(network)

    complete.run(partial(instance.replace, generation=1, repairing=True))

    assert asked(complete)[-1] == ("on-demand", "g6.xlarge", ZONES[0])


def test_a_launch_whose_answer_was_lost_is_repeated_with_the_same_tags_by_a_later_version(
    workflow, monkeypatch
):
    """Else EC2 answers IdempotentParameterMismatch to the repetition, if the first call arrived."""
    error = ReadTimeoutError(endpoint_url="https://ec2")
    workflow.account.fault(operation="RunInstances", when="before", error=error)
    with suppress(ReadTimeoutError):
        workflow.run(instance.ensure, instance)
    before = naming.specification
    monkeypatch.setattr(
        naming, "specification", lambda *of: [*before(*of), {"ResourceType": "network-interface"}]
    )

    ensure(workflow)

    first, second = (c for c in workflow.account.calls if c.operation == "RunInstances")
    assert second.parameters["ClientToken"] == first.parameters["ClientToken"]
    assert second.parameters["TagSpecifications"] == first.parameters["TagSpecifications"]
    assert len(instances(workflow)) == 1


def test_an_instance_of_an_earlier_version_s_intent_is_adopted(workflow):
    """It kept the request only; its answer was lost."""
    ensure(workflow)
    [launched] = instances(workflow)
    row = workflow.ledger.resource("instance-1")
    workflow.ledger.write(
        "resource#instance-1", {"state": "intent", "token": row.token, "generation": 1,
                                "request": row.facts["request"]}
    )  # fmt: skip
    [layer] = [each for each in workflow.account.layers if isinstance(each, Instances)]
    assert layer.state(launched) != "terminated"

    assert ensure(workflow)["instance_id"] == launched
