"""The A record of the endpoint, beside a TXT record that says whose it is; both or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import InvalidRequest, Pending, ResourceConflict
from orchestrator.resources.creation import Change, missing, present

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment, Dns
    from orchestrator.ledger import Ledger

_ROLE = "dns"

Record = dict[str, Any]


def plan(clients: Clients, deployment: Deployment, _: Ledger) -> list[Change]:
    if not deployment.host:
        return []
    records = _records(clients, zone(clients, deployment.dns), deployment.host)
    there = _is_ours(records, deployment.name)
    return [(present if there else missing)("dns", f"A record {deployment.host}")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str | None]:
    """Return {"name": host or None}; Pending until every name server knows the record."""
    host = deployment.host
    if not host:
        destroy(clients, deployment, ledger)
        return {"name": None}
    zone_id = zone(clients, deployment.dns)
    wanted = _wanted(deployment, host, ledger.deployment()["address"])
    there = _records(clients, zone_id, host)
    if there and not _is_ours(there, deployment.name):
        raise ResourceConflict(
            f"{host} has records that are not ours in zone {zone_id}: remove them"
        )
    row = ledger.resource(_ROLE)
    if row and (row["id"], row["zone"]) != (host, zone_id):
        destroy(clients, deployment, ledger)  # the name has changed since an earlier attempt
        row = None
    if not _same(there, wanted):
        ledger.intend(_ROLE, id=host, zone=zone_id)
        changed = _change(clients, zone_id, "UPSERT", wanted)
        ledger.ready(_ROLE, id=host, zone=zone_id, change=changed)
        row = ledger.resource(_ROLE)
    elif not row or row["state"] != "ready":
        ledger.ready(_ROLE, id=host, zone=zone_id, intended_at=ledger.time())
    _wait_for(clients, row or {})
    return {"name": host}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Delete both records if they are ours; a zone that is gone took them along.

    By what was written down, not by the specification: the name may have changed meanwhile.
    """
    row = ledger.resource(_ROLE)
    if row is None:
        return
    with tolerating("NoSuchHostedZone"):
        there = _records(clients, row["zone"], row["id"])
        if there and _is_ours(there, deployment.name):
            _change(clients, row["zone"], "DELETE", there)
    ledger.forget(_ROLE)


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


def _wanted(deployment: Deployment, host: str, address: str) -> list[Record]:
    owner = f'"{naming.OWNER}={deployment.name}"'
    values = {("A", f"{host}."): address, ("TXT", naming.ownership_record(host)): owner}
    return [
        {
            "Name": name,
            "Type": kind,
            "TTL": deployment.dns.ttl_seconds,
            "ResourceRecords": [{"Value": value}],
        }
        for (kind, name), value in values.items()
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


def _is_ours(records: list[Record], deployment: str) -> bool:
    owner = f'"{naming.OWNER}={deployment}"'
    return any(
        {"Value": owner} in record.get("ResourceRecords", [])
        for record in records
        if record["Type"] == "TXT"
    )


def _same(there: list[Record], wanted: list[Record]) -> bool:
    def key(record: Record) -> tuple[Any, ...]:
        values = [value["Value"] for value in record.get("ResourceRecords", [])]
        return record["Name"], record["Type"], record.get("TTL"), tuple(values)

    return sorted(map(key, there)) == sorted(map(key, wanted))


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
