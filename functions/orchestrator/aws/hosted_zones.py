"""Which public hosted zone of Route53 holds a domain."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.aws import dns_records, naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.dns_records import Record
from orchestrator.aws.error_codes import tolerating
from orchestrator.aws.naming import Tags
from orchestrator.errors import InvalidRequest
from orchestrator.spec.sections import Dns


def zone(clients: Clients, spec: Dns) -> str:
    """Return the id of the public hosted zone that holds the domain."""
    if spec.zone_id:
        return _given_zone(clients, spec.zone_id, str(spec.domain))
    found = zones(clients, str(spec.domain))
    if len(found) != 1:
        count = (
            "no" if not found else f"{len(found)} ({', '.join(found)}): name one in dns.zone_id;"
        )
        raise InvalidRequest(
            f"dns.domain: {count} public hosted zone of this account holds {spec.domain!r}"
        )
    return found[0]


def zones(clients: Clients, domain: str) -> list[str]:
    """Return the public zones of the longest suffix of `domain` that has any."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:]) + "."
        listed = clients.route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        found = [
            z["Id"].removeprefix("/hostedzone/")
            for z in listed
            if z["Name"] == name and not z.get("Config", {}).get("PrivateZone")
        ]
        if found:
            return found
    return []


def _given_zone(clients: Clients, zone_id: str, domain: str) -> str:
    with tolerating("NoSuchHostedZone"):
        name = clients.route53.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]
        if f".{domain}.".endswith(f".{name}"):
            return zone_id
        raise InvalidRequest(f"dns.zone_id: {zone_id} is the zone of {name}, not of {domain}")
    raise InvalidRequest(f"dns.zone_id: there is no hosted zone {zone_id!r} in this account")


def marked(clients: Clients) -> Iterator[tuple[str, str, Tags]]:
    """Yield (zone id, host, tags) of every ownership record that names this region."""
    for zone_id, record in records(clients):
        host = naming.host_of_record(record["Name"])
        if host and record["Type"] == "TXT":
            tags = dns_records.tags([record])
            if naming.region(tags) == clients.settings.region:
                yield zone_id, host, tags


def records(clients: Clients) -> Iterator[tuple[str, Record]]:
    """Yield (zone id, record) for every record of every public zone, read 300 a call."""
    for page in clients.route53.get_paginator("list_hosted_zones").paginate():
        for listed in page["HostedZones"]:
            if not listed.get("Config", {}).get("PrivateZone"):
                zone_id = listed["Id"].removeprefix("/hostedzone/")
                pages = clients.route53.get_paginator("list_resource_record_sets")
                for found in pages.paginate(HostedZoneId=zone_id):
                    yield from ((zone_id, dict(each)) for each in found["ResourceRecordSets"])
