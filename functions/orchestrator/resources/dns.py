"""The A record of the endpoint, beside a TXT record that names its owner; both or neither.

It leads to the endpoint's address; while nothing runs, to the waker, if the name may wake it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.aws import dns_records, hosted_zones, naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.dns_records import Record
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.drift import Drift, differing, settle
from orchestrator.creation.ownership import conflict, owns, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import Pending, ResourceConflict
from orchestrator.ledger.rows import HALTED, ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

_ROLE = "dns"


@dataclass(frozen=True, slots=True)
class _Target:
    """to: an IPv4 address, or AWS's name of the waker, which lies in that zone."""

    to: str
    zone: str | None = None


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    if not deployment.host:
        return []
    zone_id, host = hosted_zones.zone(clients, deployment.dns), deployment.host
    records, row = _ours(clients, ledger, zone_id, host), ledger.known_deployment()
    changes = [planned(_ROLE, f"A record {host}", there=bool(records))]
    if records and row and row.address:
        drifts = _drifts(clients, deployment, ledger, zone_id, _target(ledger, host), records)
        changes += differing(_ROLE, drifts)
    return changes


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str | None]:
    """Return {"name": host or None}; Pending until every name server knows the record."""
    host = deployment.host
    if not host:
        destroy(clients, ledger)
        return {"name": None}
    zone_id, target = hosted_zones.zone(clients, deployment.dns), _target(ledger, host)
    there = _ours(clients, ledger, zone_id, host)
    row = ledger.resource(_ROLE)
    if row and (row.id, row.facts["zone"]) != (host, zone_id):
        destroy(clients, ledger)  # the name has changed since an earlier attempt
        row = None
    drifts = list(_drifts(clients, deployment, ledger, zone_id, target, there))
    for drift in drifts:
        settle(drift)
        row = ledger.resource(_ROLE)
    if not drifts and (not row or row.state != "ready"):
        ledger.ready(_ROLE, id=host, zone=zone_id, address=target.to, intended_at=ledger.time())
    _wait_for(clients, row)
    return {"name": host}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete the records that are ours, wherever they are; a zone that is gone took them along.

    By what was written down, not by the specification, whose name may have changed meanwhile;
    without a row, by the stored specification. A record with an address that is not ours stays.
    """
    for zone_id, host in _places(clients, ledger):
        with tolerating("NoSuchHostedZone"):
            there = dns_records.read(clients, zone_id, host)
            if found := _written(clients, ledger, there, host):
                dns_records.delete(clients, zone_id, found)
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for every record that is there and ours; needs no zone."""
    lines = []
    for zone_id, host in _places(clients, ledger):
        with tolerating("NoSuchHostedZone"):
            there = dns_records.read(clients, zone_id, host)
            found = _written(clients, ledger, there, host)
            lines += [f"{r['Type']} record {r['Name']} in zone {zone_id}" for r in found]
    return lines


def must_be_free(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Raise ResourceConflict when the name has records that are not ours."""
    if deployment.host:
        _ours(clients, ledger, hosted_zones.zone(clients, deployment.dns), deployment.host)


def _places(clients: Clients, ledger: Ledger) -> list[tuple[str, str]]:
    """Return every (zone id, host) at which records of ours may be; zones may be gone.

    Where the ledger knows neither, the account's zones are searched for our TXT records, and for
    A records that lead to our Elastic IPs. Those of a deployment of the same name in another region
    are not among them.
    """
    row = ledger.resource(_ROLE)
    if row:
        return [(row.facts["zone"], str(row.id))]
    stored = _stored(ledger)
    if not stored:
        return _searched(clients, ledger)
    spec = stored.get("dns") or {}
    if not spec.get("domain"):
        return []
    host = f"{spec['subdomain']}.{spec['domain']}"
    zones = (
        [spec["zone_id"]] if spec.get("zone_id") else hosted_zones.zones(clients, spec["domain"])
    )
    return [(zone_id, host) for zone_id in zones]


def _searched(clients: Clients, ledger: Ledger) -> list[tuple[str, str]]:
    held, found = _held(clients, ledger), set()
    for zone_id, record in hosted_zones.records(clients):
        if record["Type"] == "A" and dns_records.points_to(record, held):
            found.add((zone_id, record["Name"].removesuffix(".")))
        host = naming.host_of_record(record["Name"])
        if (
            host
            and record["Type"] == "TXT"
            and _owns(clients, ledger, dns_records.tags([record]), host)
        ):
            found.add((zone_id, host))
    return sorted(found)


def _held(clients: Clients, ledger: Ledger) -> set[str]:
    """Return the addresses of the endpoint's Elastic IPs, by the deployment's tags."""
    described = clients.ec2.describe_addresses(Filters=naming.owned(ledger.name))["Addresses"]
    found = ((each["PublicIp"], each["Tags"]) for each in described if _is_an_endpoints(each))
    return set(sort(ledger, found).ours)


def _is_an_endpoints(address: AddressTypeDef) -> bool:
    """Return whether it is not the NAT gateway's."""
    roles = (tag["Value"] for tag in address["Tags"] if tag["Key"] == naming.ROLE)
    return any(map(naming.is_an_endpoints_address, roles))


def _stored(ledger: Ledger) -> dict[str, Any]:
    row = ledger.known_deployment()
    return row.specification() if row else {}


def _target(ledger: Ledger, host: str) -> _Target:
    """Return where the name is to lead; Pending while the endpoint has no address."""
    row, waker = ledger.deployment(), ledger.resource(naming.WAKE_NAME)
    if row.desired in HALTED and waker and waker.id == host and "target" in waker.facts:
        return _Target(waker.facts["target"], waker.facts["target_zone"])
    if row.address is None:
        raise Pending("the endpoint has no address yet")
    return _Target(row.address)


def _drifts(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    zone_id: str,
    target: _Target,
    there: list[Record],
) -> Iterator[Drift]:
    """Yield one difference: both records are written together."""
    desired = _desired(clients, deployment, ledger, target)
    if dns_records.same(there, desired):
        return
    texts = {dns_records.shown(r) for r in desired} - {dns_records.shown(r) for r in there}
    others = {dns_records.shown(r) for r in there} - {dns_records.shown(r) for r in desired}
    yield Drift(
        f"zone {zone_id} has {', '.join(sorted(others)) or 'not every record'}",
        f"should have {', '.join(sorted(texts))}",
        partial(_write, clients, ledger, zone_id, target.to, desired),
    )


def _write(
    clients: Clients, ledger: Ledger, zone_id: str, address: str, desired: list[Record]
) -> None:
    host = desired[0]["Name"].removesuffix(".")
    ledger.intend(_ROLE, id=host, zone=zone_id, address=address)
    changed = dns_records.change(clients, zone_id, "UPSERT", desired)
    ledger.ready(_ROLE, id=host, zone=zone_id, address=address, change=changed)


def _desired(
    clients: Clients, deployment: Deployment, ledger: Ledger, target: _Target
) -> list[Record]:
    host = str(deployment.host)
    facts = {
        naming.OWNER: ledger.name,
        naming.INSTALLATION: ledger.installation,
        naming.REGION: clients.settings.region,
        naming.ADDRESS: target.to,
    }
    lasting = {"TTL": deployment.dns.ttl_seconds}
    texts = [{"Value": f'"{key}={value}"'} for key, value in facts.items()]
    mark = naming.ownership_record(host)
    return [
        {"Name": f"{host}.", "Type": "A", **_leading(target, lasting)},
        {"Name": mark, "Type": "TXT", **lasting, "ResourceRecords": texts},
    ]


def _leading(target: _Target, lasting: dict[str, int]) -> dict[str, Any]:
    """Return what the A record holds: an alias has AWS's own time to live, a minute."""
    if target.zone is None:
        return {**lasting, "ResourceRecords": [{"Value": target.to}]}
    return {
        "AliasTarget": {
            "HostedZoneId": target.zone,
            "DNSName": f"{target.to}.",
            "EvaluateTargetHealth": False,
        }
    }


def _ours(clients: Clients, ledger: Ledger, zone_id: str, host: str) -> list[Record]:
    """Return the records at the host; raise ResourceConflict when they are not ours."""
    there = dns_records.read(clients, zone_id, host)
    if there and not _is_ours(clients, ledger, host, there):
        what, tags = f"the DNS name {host} in zone {zone_id}", dns_records.tags(there)
        if owns(ledger, tags, host):
            raise _of_another_region(ledger, what, naming.region(tags))
        raise conflict(ledger, what, tags, "another dns.subdomain")
    return there


def _of_another_region(ledger: Ledger, what: str, region: str | None) -> ResourceConflict:
    where, option = (region, f"--region {region} ") if region else ("another region", "")
    return ResourceConflict(
        f"{what} is not ours: it belongs to the deployment {ledger.name!r} of the installation of "
        f"the same name in {where}; choose another dns.subdomain, or run "
        f"`lamplighter {option}down {ledger.name}` first"
    )


def _is_ours(clients: Clients, ledger: Ledger, host: str, there: list[Record]) -> bool:
    """Return whether the TXT record names us, or without one every record is what we wrote."""
    if tags := dns_records.tags(there):
        return _owns(clients, ledger, tags, host)
    return _written(clients, ledger, there, host) == there


def _owns(clients: Clients, ledger: Ledger, tags: list[Any], host: str) -> bool:
    """Return whether a TXT record names this installation, in this region.

    An earlier version's names no region: it is ours where our ledger knows of records or of an
    address. What was torn down has neither.
    """
    region = naming.region(tags)
    if region is None and not ledger.resource(_ROLE) and not _addresses_of_rows(ledger):
        return False
    return region in {None, clients.settings.region} and owns(ledger, tags, host)


def _written(clients: Clients, ledger: Ledger, there: list[Record], host: str) -> list[Record]:
    """Return what of `there` we wrote: our TXT record, and the A record with our address.

    The address proves it even where the TXT record was removed, but not against one that names
    another owner. An A record that points elsewhere is not ours any more, whatever the TXT
    record names; but an earlier version's names no address, nor need its rows.
    """
    tags = dns_records.tags(there)
    marked = _owns(clients, ledger, tags, host)
    names_us = naming.region(tags) is None and owns(ledger, tags, host)
    if not marked and not names_us and naming.owner(tags) != (None, None):
        return []
    ours = _addresses(clients, ledger) | {
        t["Value"] for t in tags if marked and t["Key"] == naming.ADDRESS
    }
    is_earlier = marked and not ours
    records = [each for each in there if each["Type"] == "A"]
    leading = [each for each in records if is_earlier or dns_records.points_to(each, ours)]
    is_mark_ours = marked or (names_us and bool(leading))
    return leading + [each for each in there if each["Type"] == "TXT" and is_mark_ours]


def _addresses(clients: Clients, ledger: Ledger) -> set[str]:
    """Return the addresses that our rows say we wrote, or may have; without rows, those we hold."""
    is_known = ledger.resource(_ROLE) or _stored(ledger)
    return _addresses_of_rows(ledger) if is_known else _held(clients, ledger)


def _addresses_of_rows(ledger: Ledger) -> set[str]:
    row, deployment = ledger.resource(_ROLE), ledger.known_deployment()
    written = row.facts.get("address") if row else None
    endpoint = deployment.address if deployment else None
    return {str(address) for address in (written, endpoint) if address}


def _wait_for(clients: Clients, row: ResourceRow | None) -> None:
    change = row.facts.get("change") if row else None
    if change is None:
        return
    with tolerating("NoSuchChange"):
        status = clients.route53.get_change(Id=change)["ChangeInfo"]["Status"]
        if status != "INSYNC":
            raise Pending(f"Route53 change {change} is {status}")
