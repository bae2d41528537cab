"""`python -m machine.lab.cloud.names ADDRESS`: the name server that an ACME authority asks.

A TXT record is what Route53 was told; every other name is this machine.
"""

from __future__ import annotations

import sys
from typing import Any

import boto3
from host_scripts.acme import Names


def main() -> None:
    client = boto3.client("route53")
    Names((sys.argv[1], 53), lambda name: txt(client, name)).serve_forever()


def txt(client: Any, name: str) -> str | None:
    """Return the TXT record of that name (with its last dot) in any zone; None without one."""
    for zone in client.list_hosted_zones()["HostedZones"]:
        for record in client.list_resource_record_sets(HostedZoneId=zone["Id"])[
            "ResourceRecordSets"
        ]:
            if (record["Name"], record["Type"]) == (name, "TXT"):
                return str(record["ResourceRecords"][0]["Value"]).strip('"')
    return None


if __name__ == "__main__":
    main()
