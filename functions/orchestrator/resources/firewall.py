"""The security group: ports 80 and 443 from the allowed ranges, nothing else in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import Pending
from orchestrator.resources.creation import deleting, known, once, settled
from orchestrator.resources.ownership import Found, conflict, owns, sort

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger, Row

_ROLE = "firewall"
_PORTS = {80: "redirect to HTTPS, certificate challenges", 443: "the API"}

Rule = tuple[int, str]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str) -> str:
    """Return the security group's id, its rules being exactly the specification's."""
    group_name = f"lamplighter-{deployment.name}"

    def create(_: Row) -> str:
        with tolerating("InvalidGroup.Duplicate"):
            return clients.ec2_once.create_security_group(
                GroupName=group_name,
                Description=f"Lamplighter deployment {deployment.name}",
                VpcId=vpc,
                TagSpecifications=naming.specification(
                    clients.settings.installation, deployment, "security-group", _ROLE
                ),
            )["GroupId"]
        return _of_name(clients, ledger, vpc, group_name)

    group = once(
        ledger,
        _ROLE,
        lambda: found(clients, ledger),
        create,
        settle=clients.settings.settle_seconds,
    )
    _settle_rules(
        clients, group, {(p, c) for p in _PORTS for c in deployment.network.allowed_cidrs}
    )
    return group


def destroy(clients: Clients, _: Deployment, ledger: Ledger) -> None:
    settle = clients.settings.settle_seconds
    settled(ledger, _ROLE, settle)
    for group in known(ledger, _ROLE, found(clients, ledger)):
        with deleting(ledger, _ROLE, settle, "InvalidGroup.NotFound"):
            clients.ec2.delete_security_group(GroupId=group)
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_security_groups(Filters=naming.owned(ledger.name, _ROLE))
    return sort(
        ledger, ((group["GroupId"], group["Tags"]) for group in described["SecurityGroups"])
    )


def _of_name(clients: Clients, ledger: Ledger, vpc: str, name: str) -> str:
    """Return the group that an earlier call made, whose reply was lost; its name is unique here."""
    filters: Any = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "group-name", "Values": [name]},
    ]
    for group in clients.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        if owns(ledger, group.get("Tags", []), group["GroupId"]):
            return group["GroupId"]
        raise conflict(ledger, f"the security group {name!r} of {vpc}", group.get("Tags", []))
    raise Pending(f"the security group {name!r} was created a moment ago, not visible yet")


def _settle_rules(clients: Clients, group: str, wanted: set[Rule]) -> None:
    [described] = clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    there = {
        (permission.get("FromPort", -1), allowed["CidrIp"])
        for permission in described["IpPermissions"]
        for allowed in permission["IpRanges"]
    }
    if added := wanted - there:
        with tolerating("InvalidPermission.Duplicate"):
            clients.ec2.authorize_security_group_ingress(
                GroupId=group, IpPermissions=[_permission(rule) for rule in sorted(added)]
            )
    if surplus := there - wanted:
        with tolerating("InvalidPermission.NotFound"):
            clients.ec2.revoke_security_group_ingress(
                GroupId=group, IpPermissions=[_permission(rule) for rule in sorted(surplus)]
            )


def _permission(rule: Rule) -> Any:
    port, cidr = rule
    described = {"CidrIp": cidr} | ({"Description": _PORTS[port]} if port in _PORTS else {})
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [described]}
