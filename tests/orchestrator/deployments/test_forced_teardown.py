"""`lamplighter down --force`: a teardown that has nothing but tags and names."""

from __future__ import annotations

import pytest
from orchestrator.aws import hosted_zones, naming
from orchestrator.deployments import inventory, lifecycle
from orchestrator.errors import NotFound
from orchestrator.ledger.rows import LOCK
from steps import SPEC, Workflow


def lose_the_ledger(workflow):
    """Every row but the lock's: the teardown holds it."""
    for row in list(workflow.ledger.rows()):
        if row["sk"] != LOCK:
            workflow.ledger.erase(row["sk"])


def force(workflow):
    lifecycle.retire(workflow.ledger, force=True)
    lifecycle.start_teardown(workflow.ledger)
    workflow.teardown()
    assert workflow.clear(inventory.check) == {"left": 0}
    return lifecycle.end_teardown(workflow.ledger)


@pytest.mark.parametrize("nat", ["none", "single"])
def test_a_deployment_whose_rows_are_lost_leaves_nothing(account, neighbour, nat):
    before = account.inventory()
    workflow = Workflow(account, {**SPEC, "network": {"nat": nat}})
    with account.uncounted():
        workflow.provision()
    account.clock.advance(3600)
    lose_the_ledger(workflow)

    assert force(workflow) == {"name": "demo", "left": 0}

    assert account.inventory() == before
    assert workflow.ledger.deployment().status == "absent"


def test_a_record_that_lost_its_owner_with_the_rows_is_found_by_its_address(complete, account):
    """O14: another account's next machine may get that address."""
    route53 = complete.clients.route53
    zone = hosted_zones.zone(complete.clients, complete.deployment.dns)
    owner = f"_lamplighter.{complete.deployment.host}."
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    record = next(each for each in listed if each["Name"] == owner)
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    lose_the_ledger(complete)

    force(complete)

    assert account.inventory() == {}


def test_a_backup_with_copied_tags_keeps_no_teardown_from_ending(complete, account):
    """As AWS Backup and Data Lifecycle Manager copy them from the volume."""
    ec2 = account.client("ec2")
    with account.uncounted():
        [volume, *_] = ec2.describe_volumes()["Volumes"]
        tags = naming.tags("lamplighter", complete.deployment, "instance")
        ec2.create_snapshot(
            VolumeId=volume["VolumeId"],
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
        )

    complete.teardown()

    assert complete.clear(inventory.check) == {"left": 0}
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]


def test_without_force_a_lost_row_is_named_with_the_way_out(workflow):
    with pytest.raises(NotFound, match=r"'demo'.*`lamplighter down demo --force`"):
        lifecycle.retire(workflow.ledger)


def test_a_row_that_cannot_be_read_keeps_no_forced_teardown_from_ending(complete, account):
    complete.ledger.record(spec="not JSON", reason=None)
    complete.ledger.forget("dns")

    assert force(complete) == {"name": "demo", "left": 0}

    assert account.inventory() == {}


def test_force_of_what_never_was_leaves_a_tombstone_and_nothing_else(workflow, account):
    workflow.ledger.put(LOCK, {"owner": workflow.ledger.owner})

    assert force(workflow) == {"name": "demo", "left": 0}

    assert account.inventory() == {}
