"""Certificate and domain name of an endpoint that its own name wakes."""

from __future__ import annotations

import pytest
from orchestrator.errors import ResourceConflict
from orchestrator.own_names import own_name
from orchestrator.spec.parsing import parse
from steps import SPEC

HOST = "infer.example.com"


@pytest.fixture
def named(complete, account):
    """The whole deployment, its certificate issued and its name made."""
    account.clock.advance(300)
    assert complete.ensure(own_name) == {"wake_name": HOST, "waits_for": None}
    return complete


def domain_name(account, tags):
    """Make one as another owner would: with a certificate of its own."""
    with account.uncounted():
        acm, route53 = account.client("acm"), account.client("route53")
        arn = acm.request_certificate(DomainName=HOST, ValidationMethod="DNS")["CertificateArn"]
        account.clock.advance(10)
        described = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        record = described["DomainValidationOptions"][0]["ResourceRecord"]
        values = [{"Value": record["Value"]}]
        [zone] = route53.list_hosted_zones()["HostedZones"]
        change = {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": record["Name"],
                "Type": "CNAME",
                "TTL": 60,
                "ResourceRecords": values,
            },
        }
        route53.change_resource_record_sets(
            HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]}
        )
        account.clock.advance(300)
        account.client("apigatewayv2").create_domain_name(
            DomainName=HOST,
            DomainNameConfigurations=[{"CertificateArn": arn, "EndpointType": "REGIONAL"}],
            Tags=tags,
        )


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "web"},
        {"lamplighter:installation": "second", "lamplighter:deployment": "demo"},
        {"lamplighter:installation": "lamplighter", "lamplighter:deployment": "other"},
    ],
)
def test_a_domain_name_of_another_owner_is_refused_before_anything_and_kept(
    workflow, account, tags
):
    workflow.start()
    domain_name(account, tags)
    before = account.inventory()

    with pytest.raises(ResourceConflict, match=r"sleep\.by_name: false"):
        workflow.run(own_name.plan, own_name)
    with pytest.raises(ResourceConflict, match=HOST):
        workflow.ensure(own_name)
    workflow.destroy(own_name)

    assert account.inventory() == before
    assert workflow.run(lambda clients, _, ledger: own_name.found(clients, ledger), own_name) == []


def test_a_name_without_its_row_is_found_by_its_tags_and_removed(named, account):
    named.ledger.forget(own_name.ROLE)

    named.destroy(own_name)

    there = account.inventory()
    assert (there["certificates"], there["names"]) == ([], [])
    assert not [each for each in there["records"] if each.startswith("_") and "CNAME" in each]


def test_a_certificate_that_was_deleted_is_requested_and_used_anew(named, account):
    with account.uncounted():
        api, acm = account.client("apigatewayv2"), account.client("acm")
        for each in api.get_api_mappings(DomainName=HOST)["Items"]:
            api.delete_api_mapping(ApiMappingId=each["ApiMappingId"], DomainName=HOST)
        api.delete_domain_name(DomainName=HOST)
        [listed] = acm.list_certificates()["CertificateSummaryList"]
        acm.delete_certificate(CertificateArn=listed["CertificateArn"])

    assert named.ensure(own_name)["waits_for"] == "its certificate is not issued yet"
    account.clock.advance(300)

    assert named.ensure(own_name)["wake_name"] == HOST


@pytest.mark.parametrize(
    "document",
    [
        {**SPEC, "sleep": {}},
        {**SPEC, "sleep": {"after_idle_minutes": 60, "by_name": False}},
        {**SPEC, "dns": {}},
    ],
)
def test_what_no_request_to_its_name_wakes_has_neither(document):
    assert parse(document).wake_host is None
