"""Who keeps a network from being deleted: what is not ours is named by its id, never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code
from orchestrator.creation.ownership import sort
from orchestrator.errors import Blocked
from orchestrator.ledger.store import Ledger

_GONE = {"deleted", "deleting", "rejected", "expired", "failed", "detached", "detaching"}


@contextmanager
def named(clients: Clients, ledger: Ledger, vpcs: Iterable[str]) -> Iterator[None]:
    """Turn EC2's refusal, which has no id in it, into Blocked with the ids.

    What EC2 refuses because of our own things, which are on their way, stays a refusal.
    """
    try:
        yield
    except ClientError as error:
        if code(error) != "DependencyViolation":
            raise
        if held := [line for vpc in vpcs for line in holders(clients, ledger, vpc)]:
            raise blocked(ledger, held) from error
        raise


def blocked(ledger: Ledger, held: list[str]) -> Blocked:
    """Return the error, after writing it into the deployment's row for `lamplighter status`."""
    error = Blocked(
        f"not ours, and in the way: {'; '.join(held)}; remove it, then run "
        f"`lamplighter down {ledger.name}` again"
    )
    ledger.record(reason=f"Blocked: {error}")
    return error


def interfaces(clients: Clients, vpc: str) -> list[str]:
    """Return the network interfaces in the VPC: load balancers and instances hold it by theirs."""
    there = clients.ec2.describe_network_interfaces(Filters=_in(vpc))["NetworkInterfaces"]
    return [
        f"network interface {each['NetworkInterfaceId']} of {vpc} ({_holder(each)})"
        for each in there
    ]


def holders(clients: Clients, ledger: Ledger, vpc: str) -> list[str]:
    """Return whatever in or at the VPC is not ours and has to go before it."""
    ec2: Any = clients.ec2
    subnets = ec2.describe_subnets(Filters=_in(vpc))["Subnets"]
    groups = ec2.describe_security_groups(Filters=_in(vpc))["SecurityGroups"]
    tables = ec2.describe_route_tables(Filters=_in(vpc))["RouteTables"]
    acls = ec2.describe_network_acls(Filters=_in(vpc))["NetworkAcls"]
    endpoints = ec2.describe_vpc_endpoints(Filters=_in(vpc))["VpcEndpoints"]
    attached = _in(vpc, "attachment.vpc-id")
    gateways = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]
    vpns = ec2.describe_vpn_gateways(Filters=attached)["VpnGateways"]
    own = [g for g in groups if g["GroupName"] != "default"]
    others = {
        "subnet": _foreign(ledger, subnets, "SubnetId"),
        "security group": _foreign(ledger, own, "GroupId"),
        "route table": _foreign(ledger, [t for t in tables if not _is_main(t)], "RouteTableId"),
        "network ACL": _foreign(ledger, [a for a in acls if not a["IsDefault"]], "NetworkAclId"),
        "internet gateway": _foreign(ledger, gateways, "InternetGatewayId"),
        "VPC endpoint": [e["VpcEndpointId"] for e in endpoints if e.get("State") not in _GONE],
        "VPN gateway": [v["VpnGatewayId"] for v in vpns if v.get("State") not in _GONE],
        "peering connection": list(_peerings(ec2, vpc)),
    }
    return [
        *interfaces(clients, vpc),
        *(f"{kind} {each} of {vpc}" for kind, ids in others.items() for each in ids),
        *_references(ec2, ledger, groups),
    ]


def _foreign(ledger: Ledger, there: list[Any], key: str) -> list[str]:
    return sorted(sort(ledger, ((each[key], each.get("Tags", [])) for each in there)).others)


def _references(ec2: Any, ledger: Ledger, groups: list[Any]) -> Iterator[str]:
    """Yield the groups, in this VPC or a peer's, with a rule about a group of ours."""
    for ours in sort(ledger, ((g["GroupId"], g.get("Tags", [])) for g in groups)).ours:
        for way in ("ip-permission.group-id", "egress.ip-permission.group-id"):
            filters = [{"Name": way, "Values": [ours]}]
            for other in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
                if other["GroupId"] != ours:
                    yield f"security group {other['GroupId']}, a rule of which names {ours}"


def _peerings(ec2: Any, vpc: str) -> Iterator[str]:
    for side in ("requester", "accepter"):
        filters = _in(vpc, f"{side}-vpc-info.vpc-id")
        found = ec2.describe_vpc_peering_connections(Filters=filters)["VpcPeeringConnections"]
        for each in found:
            if each.get("Status", {}).get("Code") not in _GONE:
                yield each["VpcPeeringConnectionId"]


def _holder(interface: Any) -> str:
    instance = interface.get("Attachment", {}).get("InstanceId")
    about = interface.get("Description") or "no description"
    return f"{about}, at {instance}" if instance else str(about)


def _is_main(table: Any) -> bool:
    return any(each.get("Main") for each in table["Associations"])


def _in(vpc: str, name: str = "vpc-id") -> list[Any]:
    return [{"Name": name, "Values": [vpc]}]
