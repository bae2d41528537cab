"""DNS zones and records (a zone's own NS and SOA left out), certificates, API Gateway's domain
names, roles and instance profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.clients import client
from awssim.inventory.item import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = frozenset(
    {"hosted_zones", "records", "roles", "instance_profiles", "certificates", "names"}
)


def read() -> Iterator[Item]:
    route53 = client("route53")
    for zone in route53.list_hosted_zones()["HostedZones"]:
        yield Item("hosted_zones", zone["Id"].rpartition("/")[2], zone["Name"])
        yield from _records(route53, zone)
    for page in client("acm").get_paginator("list_certificates").paginate():
        for each in page["CertificateSummaryList"]:
            yield Item("certificates", each["CertificateArn"], each["DomainName"])
    for each in client("apigatewayv2").get_domain_names()["Items"]:
        yield Item("names", each["DomainName"], each["DomainName"])
    iam = client("iam")
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            yield Item("roles", role["RoleName"], role["RoleName"])
    for page in iam.get_paginator("list_instance_profiles").paginate():
        for profile in page["InstanceProfiles"]:
            name = profile["InstanceProfileName"]
            yield Item("instance_profiles", name, f"{name} roles={len(profile['Roles'])}")


def _records(route53: Any, zone: dict[str, Any]) -> Iterator[Item]:
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
    for page in pages:
        for record in page["ResourceRecordSets"]:
            if record["Type"] not in ("NS", "SOA"):
                name = f"{record['Name']} {record['Type']}"
                yield Item("records", name, f"{name} {record.get('TTL')}")
