"""Only full availability zones are used, whatever else the account has opted into."""

from __future__ import annotations

import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from orchestrator.capacity import zones
from orchestrator.deployments import preflight
from orchestrator.errors import InvalidRequest
from orchestrator.resources import network
from orchestrator.spec.parsing import parse

TYPE = "g6.xlarge"


@pytest.fixture
def local_zone(account, monkeypatch):
    """The account has opted into a Local Zone that offers the type and sorts first."""
    region = account.client("ec2").meta.region_name
    name = f"{region}-atl-1a"
    zone = Zone(name=name, region_name=region, zone_id="use1-atl1-az1", zone_type="local-zone")
    known = RegionsAndZonesBackend.zones
    monkeypatch.setitem(known, region, [zone, *known[region]])
    offered = INSTANCE_TYPE_OFFERINGS["availability-zone"]
    offer = {"InstanceType": TYPE, "Location": name}
    monkeypatch.setitem(offered, region, [offer, *offered[region]])
    return name


def test_a_local_zone_is_no_availability_zone(workflow, local_zone):
    found = zones.offering(workflow.clients, [TYPE])[TYPE]

    assert len(found) > 1
    assert local_zone not in found
    assert found == sorted(found)


def test_no_subnet_lies_in_a_local_zone(workflow, local_zone):
    workflow.start()

    workflow.ensure(network)

    subnets = workflow.clients.ec2.describe_subnets(
        Filters=[{"Name": "tag:lamplighter:deployment", "Values": [workflow.ledger.name]}]
    )["Subnets"]
    assert subnets
    assert local_zone not in {subnet["AvailabilityZone"] for subnet in subnets}


def test_a_local_zone_does_not_count_for_the_zones_asked_for(workflow, local_zone, monkeypatch):
    region = workflow.clients.settings.region
    every = INSTANCE_TYPE_OFFERINGS["availability-zone"][region]
    [local, *others] = [offer for offer in every if offer["InstanceType"] == TYPE]
    monkeypatch.setitem(INSTANCE_TYPE_OFFERINGS["availability-zone"], region, [local, others[0]])
    asked = {"name": "alpha", "model": "m", "instance": {"type": TYPE}, "network": {"zones": 2}}

    with pytest.raises(InvalidRequest, match=f"offered in {others[0]['Location']} of {region}"):
        preflight.check(workflow.clients, parse(asked))
