"""ACM's certificate of an endpoint's own name, for the waker: validated by a record of its zone.

It costs nothing, and is renewed by ACM as long as that record is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.aws import dns_records, naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.dns_records import Record
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.ownership import owns
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

ISSUED = "ISSUED"
_WAITS = "PENDING_VALIDATION"
_GONE = "ResourceNotFoundException"
_TOKEN = 32  # characters that ACM takes


@dataclass(frozen=True, slots=True)
class Certificate:
    """status: ACM's. reason: why it failed. record: proves that the name is ours; ACM names it a
    few seconds after the request.
    """

    arn: str
    status: str
    reason: str
    record: Record | None

    @property
    def waits(self) -> bool:
        return self.status == _WAITS


def find(clients: Clients, ledger: Ledger, host: str) -> Certificate | None:
    """Return our certificate of the name; several only where ACM forgot a token: the first."""
    for arn in _arns(clients, host):
        if owns(ledger, _tags(clients, arn), arn):
            with tolerating(_GONE):
                return _described(clients, arn)
    return None


def request(
    clients: Clients, deployment: Deployment, ledger: Ledger, intent: ResourceRow
) -> Certificate:
    """Request it; within an hour the intent's token leads to the same one."""
    answer = clients.acm.request_certificate(
        DomainName=str(intent.id),
        ValidationMethod="DNS",
        IdempotencyToken=str(intent.token)[:_TOKEN],
        KeyAlgorithm="RSA_2048",
        Tags=naming.tags(ledger.installation, deployment, naming.WAKE_NAME),
    )
    return _described(clients, answer["CertificateArn"])


def validate(clients: Clients, zone_id: str, certificate: Certificate) -> None:
    """Make the record by which ACM sees that the name is ours."""
    record = certificate.record
    if record and _read(clients, zone_id, record) != record:
        dns_records.change(clients, zone_id, "UPSERT", [record])


def destroy(clients: Clients, ledger: Ledger, zone_id: str | None, host: str) -> None:
    """Delete it after its record; nothing uses it any more. A zone that is gone took that along."""
    while found := find(clients, ledger, host):
        if zone_id and found.record:
            with tolerating("NoSuchHostedZone"):
                if there := _read(clients, zone_id, found.record):
                    dns_records.delete(clients, zone_id, [there])
        with tolerating(_GONE):
            clients.acm.delete_certificate(CertificateArn=found.arn)


def owners(clients: Clients) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield (host, tags) of every certificate of the region."""
    for listed in _listed(clients):
        yield listed["DomainName"], _tags(clients, listed["CertificateArn"])


def _arns(clients: Clients, host: str) -> list[str]:
    return sorted(each["CertificateArn"] for each in _listed(clients) if each["DomainName"] == host)


def _listed(clients: Clients) -> Iterator[Any]:
    for page in clients.acm.get_paginator("list_certificates").paginate():
        yield from page["CertificateSummaryList"]


def _tags(clients: Clients, arn: str) -> list[dict[str, str]]:
    with tolerating(_GONE):
        return list(clients.acm.list_tags_for_certificate(CertificateArn=arn)["Tags"])
    return []


def _described(clients: Clients, arn: str) -> Certificate:
    found = clients.acm.describe_certificate(CertificateArn=arn)["Certificate"]
    options = found.get("DomainValidationOptions") or [{}]
    named = options[0].get("ResourceRecord")
    record = named and {
        "Name": named["Name"],
        "Type": named["Type"],
        "TTL": 300,
        "ResourceRecords": [{"Value": named["Value"]}],
    }
    return Certificate(arn, found["Status"], found.get("FailureReason", ""), record)


def _read(clients: Clients, zone_id: str, record: Record) -> Record | None:
    listed = clients.route53.list_resource_record_sets(
        HostedZoneId=zone_id, StartRecordName=record["Name"], MaxItems="5"
    )["ResourceRecordSets"]
    same = [r for r in listed if (r["Name"], r["Type"]) == (record["Name"], record["Type"])]
    return dict(same[0]) if same else None
