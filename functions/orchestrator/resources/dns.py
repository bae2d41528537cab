"""The A record of the endpoint, beside a TXT record that says whose it is; both or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orchestrator import naming
from orchestrator.aws_errors import code, tolerating
from orchestrator.errors import InvalidRequest, Pending
from orchestrator.ledger import DEPLOYMENT
from orchestrator.resources.creation import Change, missing, present
from orchestrator.resources.ownership import conflict, owns

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment, Dns
    from orchestrator.ledger import Ledger

_ROLE = "dns"

Record = dict[str, Any]


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    if not deployment.host:
        return []
    records = _records(clients, zone(clients, deployment.dns), deployment.host)
    there = bool(records) and _is_ours(ledger, deployment.host, records)
    return [(present if there else missing)("dns", f"A record {deployment.host}")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str | None]:
    """Return {"name": host or None}; Pending until every name server knows the record."""
    host = deployment.host
    if not host:
        destroy(clients, deployment, ledger)
        return {"name": None}
    zone_id, address = zone(clients, deployment.dns), ledger.deployment()["address"]
    desired = _desired(deployment, ledger, host, address)
    there = _ours(clients, ledger, zone_id, host)
    row = ledger.resource(_ROLE)
    if row and (row["id"], row["zone"]) != (host, zone_id):
        destroy(clients, deployment, ledger)  # the name has changed since an earlier attempt
        row = None
    if not _same(there, desired):
        ledger.intend(_ROLE, id=host, zone=zone_id, address=address)
        changed = _change(clients, zone_id, "UPSERT", desired)
        ledger.ready(_ROLE, id=host, zone=zone_id, address=address, change=changed)
        row = ledger.resource(_ROLE)
    elif not row or row["state"] != "ready":
        ledger.ready(_ROLE, id=host, zone=zone_id, address=address, intended_at=ledger.time())
    _wait_for(clients, row or {})
    return {"name": host}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Delete the records that are ours, wherever they are; a zone that is gone took them along.

    By what was written down, not by the specification, whose name may have changed meanwhile;
    without a row, by the specification. A record with an address that is not ours stays.
    """
    for zone_id, host in _places(clients, deployment, ledger):
        with tolerating("NoSuchHostedZone"):
            if found := _written(ledger, _records(clients, zone_id, host), host):
                _delete(clients, zone_id, found)
    ledger.forget(_ROLE)


def left(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[str]:
    """Return a line for every record that is there and ours; needs no zone."""
    lines = []
    for zone_id, host in _places(clients, deployment, ledger):
        with tolerating("NoSuchHostedZone"):
            found = _written(ledger, _records(clients, zone_id, host), host)
            lines += [f"{r['Type']} record {r['Name']} in zone {zone_id}" for r in found]
    return lines


def must_be_free(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Raise ResourceConflict when the name has records of somebody else."""
    if deployment.host:
        _ours(clients, ledger, zone(clients, deployment.dns), deployment.host)


def zone(clients: Clients, spec: Dns) -> str:
    """Return the id of the public hosted zone that holds the domain."""
    if spec.zone_id:
        return _given_zone(clients, spec.zone_id, str(spec.domain))
    found = _zones(clients, str(spec.domain))
    if len(found) != 1:
        count = (
            "no" if not found else f"{len(found)} ({', '.join(found)}): name one in dns.zone_id;"
        )
        raise InvalidRequest(
            f"dns.domain: {count} public hosted zone of this account holds {spec.domain!r}"
        )
    return found[0]


def _given_zone(clients: Clients, zone_id: str, domain: str) -> str:
    with tolerating("NoSuchHostedZone"):
        name = clients.route53.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]
        if f".{domain}.".endswith(f".{name}"):
            return zone_id
        raise InvalidRequest(f"dns.zone_id: {zone_id} is the zone of {name}, not of {domain}")
    raise InvalidRequest(f"dns.zone_id: there is no hosted zone {zone_id!r} in this account")


def _zones(clients: Clients, domain: str) -> list[str]:
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


def _places(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[tuple[str, str]]:
    """Return every (zone id, host) at which records of ours may be; zones may be gone."""
    row = ledger.resource(_ROLE)
    if row:
        return [(row["zone"], row["id"])]
    spec, host = deployment.dns, deployment.host
    if not host:
        return []
    zones = [spec.zone_id] if spec.zone_id else _zones(clients, str(spec.domain))
    return [(zone_id, host) for zone_id in zones]


def _desired(deployment: Deployment, ledger: Ledger, host: str, address: str) -> list[Record]:
    facts = {
        naming.OWNER: ledger.name,
        naming.INSTALLATION: ledger.installation,
        naming.ADDRESS: address,
    }
    values = {
        ("A", f"{host}."): [address],
        ("TXT", naming.ownership_record(host)): [f'"{key}={facts[key]}"' for key in facts],
    }
    return [
        {
            "Name": name,
            "Type": kind,
            "TTL": deployment.dns.ttl_seconds,
            "ResourceRecords": [{"Value": value} for value in values[kind, name]],
        }
        for kind, name in values
    ]


def _records(clients: Clients, zone_id: str, host: str) -> list[Record]:
    """Return the A (or CNAME, AAAA) record at the host and the TXT record beside it."""
    found: list[Record] = []
    for name, kinds in (
        (f"{host}.", {"A", "AAAA", "CNAME"}),
        (naming.ownership_record(host), {"TXT"}),
    ):
        listed = clients.route53.list_resource_record_sets(
            HostedZoneId=zone_id, StartRecordName=name, MaxItems="10"
        )["ResourceRecordSets"]
        found += [dict(r) for r in listed if r["Name"] == name and r["Type"] in kinds]
    return found


def _ours(clients: Clients, ledger: Ledger, zone_id: str, host: str) -> list[Record]:
    """Return the records at the host; raise ResourceConflict when they are not ours."""
    there = _records(clients, zone_id, host)
    if there and not _is_ours(ledger, host, there):
        what = f"the DNS name {host} in zone {zone_id}"
        raise conflict(ledger, what, _tags(there), "another dns.subdomain")
    return there


def _is_ours(ledger: Ledger, host: str, there: list[Record]) -> bool:
    """Return whether the TXT record says so, or without one every record is what we wrote."""
    if tags := _tags(there):
        return owns(ledger, tags, host)
    return _written(ledger, there, host) == there


def _written(ledger: Ledger, there: list[Record], host: str) -> list[Record]:
    """Return what of `there` we wrote: our TXT record, and the A record with our address.

    The address proves it even where the TXT record was removed, but not against one that names
    another owner. An A record that points elsewhere is somebody else's by now, whatever the TXT
    record says; but an earlier version's names no address, nor need its rows.
    """
    tags = _tags(there)
    marked = owns(ledger, tags, host)
    if not marked and naming.owner(tags) != (None, None):
        return []
    ours = _addresses(ledger) | {t["Value"] for t in tags if marked and t["Key"] == naming.ADDRESS}
    earlier = marked and not ours
    return [
        record
        for record in there
        if (record["Type"] == "TXT" and marked)
        or (record["Type"] == "A" and (earlier or _points_to(record, ours)))
    ]


def _points_to(record: Record, addresses: set[str]) -> bool:
    values = set(_values(record))
    return bool(values) and values <= addresses


def _addresses(ledger: Ledger) -> set[str]:
    """Return the addresses that our rows say we wrote, or may have."""
    rows = (ledger.resource(_ROLE), ledger.read(DEPLOYMENT))
    return {str(row["address"]) for row in rows if row and "address" in row}


def _tags(records: list[Record]) -> list[dict[str, str]]:
    """Return what the TXT record says, in the form of tags: its values are "<key>=<value>"."""
    texts = [v.strip('"') for r in records if r["Type"] == "TXT" for v in _values(r)]
    return [{"Key": k, "Value": v} for k, _, v in (text.partition("=") for text in texts)]


def _values(record: Record) -> list[str]:
    return [value["Value"] for value in record.get("ResourceRecords", [])]


def _same(there: list[Record], desired: list[Record]) -> bool:
    """Return whether `there` has what is desired; an AAAA record beside it is not our business."""
    ours = [record for record in there if record["Type"] in {"A", "TXT"}]

    def key(record: Record) -> tuple[Any, ...]:
        return record["Name"], record["Type"], record.get("TTL"), tuple(sorted(_values(record)))

    return sorted(map(key, ours)) == sorted(map(key, desired))


def _delete(clients: Clients, zone_id: str, records: list[Record]) -> None:
    """Delete the records as they were read; Pending when they are not like that any more.

    Our own resent call may have deleted them: the next look shows it.
    """
    try:
        _change(clients, zone_id, "DELETE", records)
    except ClientError as error:
        if code(error) != "InvalidChangeBatch":
            raise
        raise Pending(f"records of zone {zone_id} changed while being deleted") from error


def _change(clients: Clients, zone_id: str, action: str, records: list[Record]) -> str:
    changes: Any = [{"Action": action, "ResourceRecordSet": record} for record in records]
    answer = clients.route53.change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": changes}
    )
    return answer["ChangeInfo"]["Id"].removeprefix("/change/")


def _wait_for(clients: Clients, row: dict[str, Any]) -> None:
    if "change" not in row:
        return
    with tolerating("NoSuchChange"):
        status = clients.route53.get_change(Id=row["change"])["ChangeInfo"]["Status"]
        if status != "INSYNC":
            raise Pending(f"Route53 change {row['change']} is {status}")
