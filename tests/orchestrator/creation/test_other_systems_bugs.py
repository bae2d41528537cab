"""R1-R13: bugs of other systems, each as one test here, or named where the test is.

R3 is tests/orchestrator/resources/test_blockers.py, R12 is `a_host_that_hangs` in
tests/simulation/test_lives.py.
"""

from __future__ import annotations

import pytest
from awssim import Account, Crash, error
from orchestrator.capacity import zones
from orchestrator.deployments import inventory, lifecycle
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import Pending, Refused
from orchestrator.ledger.rows import Desired
from orchestrator.repair import diagnosis
from orchestrator.repair.triggers import Trigger
from orchestrator.resources import instance, network, registry
from steps import SPEC, Workflow


def test_r1_a_vpc_whose_id_could_not_be_stored_is_not_made_again(workflow, account):
    """CAPA PR#4723."""
    workflow.start()
    account.fault(operation="CreateVpc", when="after", crash=True)  # the id is never written down

    with pytest.raises(Crash):
        workflow.ensure(network)
    for _ in range(3):
        workflow.ensure(network)

    assert len(account.inventory()["vpcs"]) == 1


def test_r2_a_vpc_that_the_quota_refused_keeps_no_teardown_from_ending(workflow, account):
    """CAPA#943."""
    workflow.start()
    account.fault(operation="CreateVpc", error=error("VpcLimitExceeded", "5 of 5"))
    with pytest.raises(Refused, match="VpcLimitExceeded"):
        workflow.ensure(network)

    workflow.teardown()

    assert account.inventory() == {}


def test_r4_a_teardown_before_the_provision_is_over_detaches_the_gateway(workflow, account):
    """openshift/hive#114: public addresses were still mapped."""
    workflow.start()
    workflow.ensure(*RESOURCES[: RESOURCES.index(instance)])
    instance.ensure(workflow.clients, workflow.deployment, workflow.ledger)  # pending at EC2

    workflow.teardown()

    assert account.inventory() == {}


def test_r5_a_nat_gateway_goes_with_its_address_though_its_subnet_is_unknown(account):
    """CAPA#986."""
    workflow = Workflow(account, {**SPEC, "network": {"nat": "single"}})
    workflow.start()
    workflow.ensure(network)
    account.clock.advance(3600)
    for kind in ("public", "private"):
        workflow.ledger.forget(f"{kind}-subnet-0")

    workflow.teardown()

    assert account.inventory() == {}


def test_r6_a_step_that_dies_after_each_create_makes_one_of_each(workflow, account):
    """outscale CAPI#917: five networks more, and the quota was used up."""
    workflow.start()
    for operation in ("CreateVpc", "CreateInternetGateway", "CreateSubnet", "CreateRouteTable"):
        account.fault(operation=operation, when="after", crash=True)
        with pytest.raises(Crash):
            workflow.ensure(network)

    workflow.ensure(network)

    found = account.inventory()
    counted = {kind: len(found[kind]) for kind in ("vpcs", "internet_gateways", "route_tables")}
    assert counted == {"vpcs": 1, "internet_gateways": 1, "route_tables": 2}
    private, pools = 2, len(zones.offering(workflow.clients, ["g6.xlarge"])["g6.xlarge"])
    assert len(found["subnets"]) == private + pools


def test_r7_what_was_requested_and_is_not_visible_yet_is_torn_down(furnished):
    """SkyPilot PR#7022."""
    with Account(tag_lag=20).active() as account:
        account.restore(furnished)
        workflow = Workflow(account, SPEC)
        workflow.start()
        account.fault(operation="CreateVpc", when="after", crash=True)
        with pytest.raises(Crash):
            workflow.ensure(network)

        workflow.teardown()

        assert account.inventory() == {}


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.ASLEEP])
def test_r8_a_stop_that_was_asked_for_starts_no_other_instance(complete, desired):
    """SkyPilot#779."""
    complete.ledger.record(desired=desired)
    stopped = Trigger("it stopped", instance_id=complete.ledger.serving().instance_id)

    assert diagnosis.unwanted(complete.ledger, complete.ledger.deployment(), stopped)


def test_r9_lives_one_after_the_other_leave_nothing(workflow, account):
    """Karpenter#549, #2734: a tenth of the instances leaked."""
    for _ in range(3):
        workflow.provision()
        lifecycle.retire(workflow.ledger)
        workflow.teardown()
        assert workflow.clear(inventory.check) == {"left": 0}
        lifecycle.end_teardown(workflow.ledger)

    assert account.inventory() == {}


def test_r10_a_step_that_dies_between_launch_and_ledger_launches_one(provisioned_before, account):
    """karpenter-provider-hetzner PR#53."""
    workflow = provisioned_before(instance)
    account.fault(operation="RunInstances", when="after", crash=True)
    with pytest.raises(Crash):
        workflow.ensure(instance)

    workflow.ensure(instance)

    assert len(account.inventory()["instances"]) == 1


def test_r11_a_teardown_after_a_termination_by_hand_ends_no_empty_list(complete, account):
    """SkyPilot#632: AWS refuses TerminateInstances of nothing."""
    host = complete.ledger.serving().instance_id
    with account.uncounted():
        account.client("ec2").terminate_instances(InstanceIds=[host])
    account.clock.advance(3600)

    complete.teardown()

    asked = [c.parameters for c in account.calls if c.operation == "TerminateInstances"]
    assert all(each["InstanceIds"] for each in asked)
    assert account.inventory() == {}


def test_r13_a_second_run_makes_no_second_vpc(workflow, account):
    """ansible#7248, #30357."""
    workflow.start()
    workflow.ensure(network)
    account.clock.advance(3600)
    before = account.inventory()

    workflow.ensure(network)

    assert account.inventory() == before


# -- O8, O9: the kinds, held by every resource; the rest is in resources/test_teardown.py ----------


def test_o9_a_repository_that_is_not_visible_is_pending_and_its_rollback_does_not_leave_it(
    workflow, account
):
    workflow.start()
    unseen = error("RepositoryNotFoundException", "not yet")
    account.fault(operation="GetRepositoryPolicy", error=unseen)
    with pytest.raises(Pending):
        registry.ensure(workflow.clients, workflow.deployment, workflow.ledger)
    account.fault(operation="DescribeRepositories", error=unseen)

    workflow.teardown()

    assert account.inventory() == {}
