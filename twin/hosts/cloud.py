"""What the local AWS says about our instances, addresses and names."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

OWNER = "lamplighter:deployment"
USER_AGENT = "lamplighter-hosts"


@dataclass(frozen=True, slots=True)
class View:
    """running: ids of our instances that are on; addresses: public IP, an instance's own or an
    Elastic IP -> instance id or None; names: DNS name -> the IPs of its A record.
    """

    running: frozenset[str]
    addresses: dict[str, str | None]
    names: dict[str, tuple[str, ...]]


class Cloud:
    """Reads, and reports a host that cannot boot. Every method may raise botocore's errors."""

    def __init__(self) -> None:
        session = boto3.Session()
        quick = Config(
            retries={"total_max_attempts": 2},
            connect_timeout=2,
            read_timeout=10,
            proxies={},
            user_agent_extra=USER_AGENT,  # the call journal leaves our looking around out
        )
        self._ec2 = session.client("ec2", config=quick)
        self._dns = session.client("route53", config=quick)
        self._s3 = session.client("s3", config=quick)
        self._events = session.client("events", config=quick)

    def view(self) -> View:
        """DNS is only asked while there is an address that a name could mean."""
        ours: Any = [{"Name": "tag-key", "Values": [OWNER]}]
        on: Any = [*ours, {"Name": "instance-state-name", "Values": ["running"]}]
        held = self._ec2.describe_instances(Filters=on)["Reservations"]
        running = [each for reservation in held for each in reservation["Instances"]]
        own: dict[str, str | None] = {
            address: each["InstanceId"]
            for each in running
            if (address := each.get("PublicIpAddress"))
        }
        elastic = self._ec2.describe_addresses(Filters=ours)["Addresses"]
        return View(
            frozenset(each["InstanceId"] for each in running),
            own | {each["PublicIp"]: each.get("InstanceId") for each in elastic},
            self._names() if elastic else {},
        )

    def _names(self) -> dict[str, tuple[str, ...]]:
        names = {}
        for zone in self._dns.list_hosted_zones()["HostedZones"]:
            records = self._dns.list_resource_record_sets(HostedZoneId=zone["Id"])
            for each in records["ResourceRecordSets"]:
                if each["Type"] == "A":
                    values = tuple(item["Value"] for item in each.get("ResourceRecords", []))
                    names[each["Name"].rstrip(".")] = values
        return names

    def user_data(self, instance: str) -> str:
        answer = self._ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
        return base64.b64decode(answer["UserData"].get("Value", "")).decode()

    def download(self, bucket: str, key: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def report(self, bus: str, detail: dict[str, str]) -> None:
        """Put one Host Report on the bus."""
        entry: Any = {
            "EventBusName": bus,
            "Source": f"lamplighter.host.{detail['deployment']}",
            "DetailType": "Host Report",
        }
        self._events.put_events(Entries=[entry | {"Detail": json.dumps(detail)}])
