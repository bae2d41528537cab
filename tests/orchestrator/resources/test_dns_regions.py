"""Route53 has no regions: a record says in which one its deployment lives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from awssim.furnish import create_ledger
from orchestrator.aws import naming
from orchestrator.deployments import lifecycle
from orchestrator.deployments.orphans import orphans
from orchestrator.errors import ResourceConflict
from orchestrator.ledger.rows import LOCK
from orchestrator.resources import dns
from steps import SPEC, Workflow, ledger_of

HOST = "infer.example.com"


def zone_of(workflow):
    [zone] = workflow.clients.route53.list_hosted_zones()["HostedZones"]
    return zone["Id"].rpartition("/")[2]


def records(workflow):
    listed = workflow.clients.route53.list_resource_record_sets(HostedZoneId=zone_of(workflow))
    return [r for r in listed["ResourceRecordSets"] if r["Type"] in {"A", "TXT"}]


@pytest.fixture
def elsewhere(complete, account):
    """The stack of the same name in another region, whose ledger knows no deployment."""
    with account.uncounted():
        create_ledger(account, "elsewhere-ledger")
        other = Workflow(account, SPEC)
        settings = other.clients.settings
        other.clients.settings = replace(
            settings, region="eu-west-1", ledger_table="elsewhere-ledger"
        )
        other.ledger = ledger_of(other.clients, "demo", account.clock.now)
        other.ledger.put(LOCK, {"owner": other.ledger.owner})
    return other


def test_sweeping_another_region_finds_no_orphan_in_a_live_record(complete, elsewhere, account):
    elsewhere.ledger.discard(LOCK, "owner", elsewhere.ledger.owner)

    found = orphans(
        elsewhere.clients, lambda name: ledger_of(elsewhere.clients, name, account.clock.now)
    )

    lines = [line for each in found for line in each["resources"]]
    assert not [line for line in lines if " record " in line]


def test_a_forced_teardown_in_another_region_leaves_the_records(complete, elsewhere):
    before = records(complete)
    lifecycle.retire(elsewhere.ledger, force=True)

    dns.destroy(elsewhere.clients, elsewhere.ledger)

    assert records(complete) == before
    assert dns.found(elsewhere.clients, elsewhere.ledger) == []


def test_the_name_of_another_regions_deployment_is_refused(complete, elsewhere):
    with pytest.raises(ResourceConflict, match=r"infer\.example\.com.*us-east-1.*dns\.subdomain"):
        dns.must_be_free(elsewhere.clients, elsewhere.deployment, elsewhere.ledger)


def forget_the_region(workflow):
    """Make the ownership record an earlier version's; return it as it was."""
    mark = next(r for r in records(workflow) if r["Type"] == "TXT")
    values = [v for v in mark["ResourceRecords"] if naming.REGION not in v["Value"]]
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": {**mark, "ResourceRecords": values},
    }
    workflow.clients.route53.change_resource_record_sets(
        HostedZoneId=zone_of(workflow), ChangeBatch={"Changes": [change]}
    )
    return mark


def test_a_deployment_that_was_torn_down_here_owns_no_record_of_another_region(complete, elsewhere):
    forget_the_region(complete)
    spec = json.dumps(elsewhere.deployment.document())
    elsewhere.ledger.record(spec=spec, status="absent", desired="absent")

    with pytest.raises(ResourceConflict):
        dns.must_be_free(elsewhere.clients, elsewhere.deployment, elsewhere.ledger)
    dns.destroy(elsewhere.clients, elsewhere.ledger)

    assert len(records(complete)) == 2


def test_an_earlier_versions_records_go_by_their_address_where_the_ledger_is_lost(complete):
    forget_the_region(complete)
    complete.ledger.erase(*(r["sk"] for r in list(complete.ledger.rows()) if r["sk"] != LOCK))

    dns.destroy(complete.clients, complete.ledger)

    assert records(complete) == []


def test_a_record_of_an_earlier_version_gets_its_region(complete):
    mark = forget_the_region(complete)

    assert [each.action for each in complete.run(dns.plan)] == ["keep", "change"]
    complete.ensure(dns)

    assert next(r for r in records(complete) if r["Type"] == "TXT") == mark
