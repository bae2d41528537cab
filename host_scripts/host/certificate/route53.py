"""The one TXT record that the host may write: _acme-challenge of its own name."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.certificate.errors import Trouble

_TTL = 10  # seconds: an authority that looked too early soon looks again
_TRIES, _PAUSE = 60, 3.0  # Route53 usually needs less than a minute


def write(client: Any, zone: str, host: str, value: str) -> str:
    """Set the record's only value; return the change's id."""
    return _change(client, "UPSERT", zone, host, value)


def remove(client: Any, zone: str, host: str, value: str) -> None:
    """Delete the record if it still has that value."""
    try:
        _change(client, "DELETE", zone, host, value)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidChangeBatch":
            raise


def wait(client: Any, change: str, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when every name server of the zone knows the change."""
    for _ in range(_TRIES):
        if client.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC":
            return
        sleep(_PAUSE)
    raise Trouble(f"Route53 has not finished the change {change} in {_TRIES * _PAUSE:.0f} s")


def zone_of(client: Any, given: str, host: str) -> str:
    """Return the zone's id: the given one, or the one public zone of the longest suffix."""
    if given:
        return given
    labels = host.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:]) + "."
        listed = client.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
        found = [
            zone["Id"].rpartition("/")[2]
            for zone in listed
            if zone["Name"] == name and not zone.get("Config", {}).get("PrivateZone")
        ]
        if len(found) > 1:
            raise Trouble(f"{len(found)} public hosted zones are called {name}: set dns.zone_id")
        if found:
            return str(found[0])
    raise Trouble(f"no public hosted zone of this account holds {host}: set dns.zone_id")


def explained(error: ClientError | BotoCoreError | Trouble, host: str) -> str:
    """Return what the error means, with its remedy."""
    if isinstance(error, Trouble):
        return str(error)
    if isinstance(error, BotoCoreError):
        return f"Route53 cannot be reached: {type(error).__name__}"
    code = error.response["Error"]["Code"]
    if code.startswith("AccessDenied"):
        return (
            f"the instance role may not write the TXT record _acme-challenge.{host}: "
            "run `make deploy` again, or choose certificate.challenge http-01"
        )
    if code == "NoSuchHostedZone":
        return "the hosted zone is gone: run `lamplighter up` with the right dns.zone_id"
    return f"Route53 refuses the TXT record _acme-challenge.{host}: {code}"


def _change(client: Any, action: str, zone: str, host: str, value: str) -> str:
    record = {
        "Name": f"_acme-challenge.{host}.",
        "Type": "TXT",
        "TTL": _TTL,
        "ResourceRecords": [{"Value": f'"{value}"'}],
    }
    answer = client.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
    )
    return str(answer["ChangeInfo"]["Id"].rpartition("/")[2])
