"""Does the public DNS lead to the zone: asked of a resolver, never a silent pass."""

from __future__ import annotations

import json

import pytest
from orchestrator.aws.internet import Document
from orchestrator.preflight import delegation


@pytest.fixture
def servers(workflow):
    """The name servers of the zone of example.com."""
    [zone] = workflow.clients.route53.list_hosted_zones()["HostedZones"]
    return workflow.clients.route53.get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"]


def check(workflow, names, status=200):
    def fetch(url):
        assert url == "https://dns.google/resolve?name=example.com&type=NS"
        answers = [{"name": "example.com.", "type": 2, "data": f"{name}."} for name in names]
        return Document(status, json.dumps({"Status": 0, "Answer": answers}).encode())

    workflow.clients.fetch = fetch
    [found] = delegation.checks(workflow.clients, workflow.deployment)
    return found


def test_a_zone_that_the_public_dns_leads_to_passes(workflow, servers):
    assert str(check(workflow, servers).result) == "pass"


def test_another_providers_name_servers_are_reported_with_ours(workflow, servers):
    found = check(workflow, ["ns1.elsewhere.net"])

    assert (str(found.result), found.found) == ("warn", "example.com leads to ns1.elsewhere.net")
    assert all(name in found.needed for name in servers)
    assert "at its registrar or in its parent zone" in found.remedy


def test_a_domain_that_nothing_leads_to_is_reported(workflow):
    assert check(workflow, []).found == "example.com leads nowhere"


def test_a_resolver_that_does_not_answer_leaves_it_unknown(workflow):
    found = delegation.checks(workflow.clients, workflow.deployment)

    assert [str(each.result) for each in found] == ["unknown"]
    assert "compare `dig NS example.com`" in found[0].remedy
