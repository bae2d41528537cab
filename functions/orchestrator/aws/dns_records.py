"""A host name's records in Route53: the A record, and the TXT record that names its owner."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code
from orchestrator.errors import Pending

Record = dict[str, Any]


def read(clients: Clients, zone_id: str, host: str) -> list[Record]:
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


def same(there: list[Record], desired: list[Record]) -> bool:
    """Return whether `there` has what is desired; an AAAA record beside it is not our business."""
    ours = [record for record in there if record["Type"] in {"A", "TXT"}]

    def key(record: Record) -> tuple[Any, ...]:
        return record["Name"], record["Type"], record.get("TTL"), tuple(sorted(values(record)))

    return sorted(map(key, ours)) == sorted(map(key, desired))


def shown(record: Record) -> str:
    """Return e.g. `A infer.example.com. 60 s 192.0.2.1`."""
    kind = f"{record['TTL']} s" if "TTL" in record else "alias"
    named = f"{record['Type']} {record['Name']} {kind}"
    return f"{named} {' '.join(sorted(values(record)))}".rstrip()


def points_to(record: Record, addresses: set[str]) -> bool:
    found = set(values(record))
    return bool(found) and found <= addresses


def tags(records: list[Record]) -> list[dict[str, str]]:
    """Return the TXT record's content in the form of tags: its values are "<key>=<value>"."""
    texts = [v.strip('"') for r in records if r["Type"] == "TXT" for v in values(r)]
    return [{"Key": k, "Value": v} for k, _, v in (text.partition("=") for text in texts)]


def values(record: Record) -> list[str]:
    """Return its values; of an alias the name that it leads to."""
    alias = record.get("AliasTarget")
    leads_to = [alias["DNSName"].rstrip(".").lower()] if alias else []
    return leads_to + [value["Value"] for value in record.get("ResourceRecords", [])]


def change(clients: Clients, zone_id: str, action: str, records: list[Record]) -> str:
    changes: Any = [{"Action": action, "ResourceRecordSet": record} for record in records]
    answer = clients.route53.change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": changes}
    )
    return answer["ChangeInfo"]["Id"].removeprefix("/change/")


def delete(clients: Clients, zone_id: str, records: list[Record]) -> None:
    """Delete the records as they were read; Pending when they are not like that any more.

    Our own resent call may have deleted them: the next look shows it.
    """
    try:
        change(clients, zone_id, "DELETE", records)
    except ClientError as error:
        if code(error) != "InvalidChangeBatch":
            raise
        raise Pending(f"records of zone {zone_id} changed while being deleted") from error
