"""What EC2 says about an instance that was launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import HostLost, OrchestratorError, Pending, Refused

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

ALIVE = ("pending", "running")
ENDING = ("stopping", "shutting-down")
LOST = ("stopping", "stopped", "shutting-down", "terminated", "absent")
ROLE = "instance"
NOT_FOUND = "InvalidInstanceID.NotFound"


def describe(clients: Clients, instance_id: str) -> InstanceTypeDef | None:
    with tolerating(NOT_FOUND, "InvalidInstanceID.Malformed"):
        described = clients.ec2.describe_instances(InstanceIds=[instance_id])
        for found in (i for each in described["Reservations"] for i in each["Instances"]):
            return found
    return None


def state(clients: Clients, instance_id: str) -> str:
    """Return EC2's state name, 'absent' when EC2 does not know the instance (any more)."""
    found = describe(clients, instance_id)
    return found["State"]["Name"] if found else "absent"


def exists(clients: Clients, instance_id: str) -> bool:
    return state(clients, instance_id) not in {"terminated", "absent"}


def has_ending(clients: Clients, name: str) -> bool:
    """Return whether one of the deployment is on its way out: it fills a quota until it is gone."""
    filters = [*naming.owned(name, ROLE), {"Name": "instance-state-name", "Values": list(ENDING)}]
    answer = clients.ec2.describe_instances(Filters=filters)
    return bool(answer["Reservations"])


def can_stop(found: Mapping[str, Any] | None) -> bool:
    """Return whether EC2 can stop the instance and start it again.

    A one-time spot instance cannot be stopped, nor can one whose root is no EBS volume.
    """
    if not found:
        return False
    is_spot = found.get("InstanceLifecycle") in {"spot", "capacity-block"}
    return not is_spot and found.get("RootDeviceType", "ebs") == "ebs"


def address(clients: Clients, instance_id: str) -> str:
    """Return the instance's public IPv4: its own, or its Elastic IP; Pending while it has none."""
    found = describe(clients, instance_id)
    if found is None or not found.get("PublicIpAddress"):
        raise Pending(f"{instance_id} has no public address yet")
    return found["PublicIpAddress"]


def lost(clients: Clients, instance_id: str) -> OrchestratorError | None:
    """Return why the instance will not serve, None while it may.

    Refused, with EC2's reason, when another one would not start either; else HostLost.
    """
    found = describe(clients, instance_id)
    if found is None or found["State"]["Name"] not in LOST:
        return None  # a young one may not be visible yet
    reason = found.get("StateReason", {})
    why = reason.get("Message", "EC2 gives no reason")
    why = f"{instance_id} is {found['State']['Name']}: {why}"
    if _is_our_doing(reason.get("Code", "")):
        return Refused(f"{why}; start again for another one")
    return HostLost(why)


def taken_back(clients: Clients, instance_id: str) -> bool:
    """Return whether EC2 ended it by itself, e.g. a spot instance; not an operator."""
    found = describe(clients, instance_id)
    reason = found.get("StateReason", {}) if found else {}
    return reason.get("Code", "").startswith("Server.")


def _is_our_doing(reason: str) -> bool:
    """Return whether EC2 could not start what we asked for, a disk or a key for example.

    reason: EC2's StateReason code; the launch itself was accepted.
    """
    return reason.startswith("Client.") and not reason.endswith("InitiatedShutdown")
