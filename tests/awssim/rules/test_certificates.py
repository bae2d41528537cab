"""ACM and API Gateway's domain names, as AWS documents them."""

from __future__ import annotations

import pytest
from awssim.rules.certificates import ISSUE_SECONDS, RECORD_SECONDS
from awssim.rules.domain_names import AVAILABLE_SECONDS, ZONE
from botocore.exceptions import ClientError

HOST = "infer.example.com"


@pytest.fixture
def zone(account):
    answer = account.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    return answer["HostedZone"]["Id"].rpartition("/")[2]


@pytest.fixture
def requested(account):
    acm = account.client("acm")
    return acm.request_certificate(DomainName=HOST, ValidationMethod="DNS")["CertificateArn"]


def described(account, arn):
    return account.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]


def proof(account, arn):
    return described(account, arn)["DomainValidationOptions"][0].get("ResourceRecord")


def prove(account, zone, arn, value=None):
    account.clock.advance(RECORD_SECONDS)
    record = proof(account, arn)
    values = [{"Value": value or record["Value"]}]
    written = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": values}
    account.client("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": written}]},
    )
    account.clock.advance(ISSUE_SECONDS)


def name(account, arn, host=HOST):
    return account.client("apigatewayv2").create_domain_name(
        DomainName=host,
        DomainNameConfigurations=[{"CertificateArn": arn, "EndpointType": "REGIONAL"}],
    )


def test_the_record_is_named_a_few_seconds_after_the_request(account, requested):
    assert proof(account, requested) is None
    account.clock.advance(RECORD_SECONDS)

    assert proof(account, requested)["Name"].endswith(f".{HOST}.")


def test_it_is_issued_once_the_zone_has_the_record(account, zone, requested):
    account.clock.advance(10 * ISSUE_SECONDS)
    assert described(account, requested)["Status"] == "PENDING_VALIDATION"

    prove(account, zone, requested, "_another.acm-validations.aws.")
    assert described(account, requested)["Status"] == "PENDING_VALIDATION"

    prove(account, zone, requested)
    assert described(account, requested)["Status"] == "ISSUED"


def test_a_name_needs_an_issued_certificate_of_its_own(account, zone, requested):
    with pytest.raises(ClientError, match="not valid for"):
        name(account, requested)
    prove(account, zone, requested)
    with pytest.raises(ClientError, match="not valid for"):
        name(account, requested, "other.example.com")

    made = name(account, requested)["DomainNameConfigurations"][0]

    assert (made["DomainNameStatus"], made["HostedZoneId"]) == ("UPDATING", ZONE)
    account.clock.advance(AVAILABLE_SECONDS)
    found = account.client("apigatewayv2").get_domain_name(DomainName=HOST)
    assert found["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"


def test_a_name_is_made_once_and_keeps_its_certificate(account, zone, requested):
    prove(account, zone, requested)
    name(account, requested)

    with pytest.raises(ClientError, match="ConflictException"):
        name(account, requested)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        account.client("acm").delete_certificate(CertificateArn=requested)

    account.client("apigatewayv2").delete_domain_name(DomainName=HOST)
    account.client("acm").delete_certificate(CertificateArn=requested)
    assert account.inventory()["certificates"] == []
