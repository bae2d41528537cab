"""Route53 has no regions: a record says in which one its deployment lives."""

from __future__ import annotations

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


def test_a_record_of_an_earlier_version_gets_its_region(complete):
    mark = next(r for r in records(complete) if r["Type"] == "TXT")
    values = [v for v in mark["ResourceRecords"] if naming.REGION not in v["Value"]]
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": {**mark, "ResourceRecords": values},
    }
    complete.clients.route53.change_resource_record_sets(
        HostedZoneId=zone_of(complete), ChangeBatch={"Changes": [change]}
    )

    assert [each.action for each in complete.run(dns.plan)] == ["keep", "change"]
    complete.ensure(dns)

    assert next(r for r in records(complete) if r["Type"] == "TXT") == mark
