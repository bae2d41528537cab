"""What a launched instance was asked for and may have lost by hand since."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.aws.clients import Clients
from orchestrator.creation.drift import Drift
from orchestrator.launch.run_instances import METADATA
from orchestrator.ledger.store import Ledger

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef


def drifts(clients: Clients, ledger: Ledger, instance: InstanceTypeDef) -> Iterator[Drift]:
    """Yield the metadata service's options, groups, and what becomes of the disk at the end."""
    ec2: Any = clients.ec2
    identifier = instance["InstanceId"]
    change = partial(ec2.modify_instance_attribute, InstanceId=identifier)
    options: Any = instance.get("MetadataOptions", {})
    changed = {key: options.get(key) for key in METADATA if options.get(key) != METADATA[key]}
    if changed:
        mend = partial(ec2.modify_instance_metadata_options, InstanceId=identifier, **METADATA)
        yield Drift(
            f"{identifier}: metadata service has {_listed(changed)}", _listed(METADATA), mend
        )
    firewall = ledger.resource("firewall")
    groups = sorted(group["GroupId"] for group in instance.get("SecurityGroups", []))
    if firewall and groups != [firewall.id]:
        mend = partial(change, Groups=[firewall.id])
        what = f"{identifier} has the security groups {', '.join(groups) or 'none'}"
        yield Drift(what, f"should have {firewall.id} only", mend)
    if not instance.get("SourceDestCheck", True):
        mend = partial(change, SourceDestCheck={"Value": True})
        yield Drift(f"{identifier} forwards packets of others", "should not", mend)
    for disk in instance.get("BlockDeviceMappings", []):
        name = disk["DeviceName"]
        is_root = name == instance.get("RootDeviceName")
        if is_root and not disk.get("Ebs", {}).get("DeleteOnTermination", True):
            kept = [{"DeviceName": name, "Ebs": {"DeleteOnTermination": True}}]
            mend = partial(change, BlockDeviceMappings=kept)
            yield Drift(f"{identifier} leaves its root volume behind", "goes with it", mend)


def _listed(options: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items())
