"""Instances that are not terminated, their volumes, and elastic IPs: what costs by the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.clients import client
from awssim.inventory.item import Item, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = frozenset({"instances", "volumes", "addresses"})


def read() -> Iterator[Item]:
    ec2 = client("ec2")
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                looks = f"{instance['InstanceType']} {_life(instance)} {tags_of(instance)}"
                yield Item("instances", instance["InstanceId"], looks)
    for volume in ec2.describe_volumes()["Volumes"]:
        yield Item("volumes", volume["VolumeId"], f"{volume['Size']} GiB {tags_of(volume)}")
    for address in ec2.describe_addresses()["Addresses"]:
        use = "in use" if address.get("AssociationId") else "free"
        yield Item("addresses", address["AllocationId"], f"{use} {tags_of(address)}")


def _life(instance: dict[str, Any]) -> str:
    """Pending and running look alike: how long a run took is no difference between accounts."""
    state: str = instance["State"]["Name"]
    return "up" if state in ("pending", "running") else state
