"""The security group: ports 80 and 443 from the allowed ranges, nothing else in, everything out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.drift import Drift, mend
from orchestrator.creation.once import existing, once
from orchestrator.creation.ownership import Found, conflict, owns, sort
from orchestrator.creation.visibility import ById, settled, the
from orchestrator.errors import Pending
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef

_ROLE = "firewall"
_PORTS = {80: "redirect to HTTPS, certificate challenges", 443: "the API"}
_PEERS = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
_IDENTIFYING = {"CidrIp", "CidrIpv6", "PrefixListId", "GroupId", "UserId"}
_EVERYTHING = "-1"  # EC2's name for all protocols
_NO_PORTS = -2  # a protocol without ports; -1 is "all" in EC2, e.g. all kinds of ICMP


class Rule(NamedTuple):
    """One rule of a security group: first and last port, and a peer of one kind (a key of EC2)."""

    protocol: str
    first: int
    last: int
    kind: str
    peer: tuple[tuple[str, str], ...]


# What EC2 gives a new group: the host fetches packages, images, weights and certificates.
_ALL_OUT = Rule(_EVERYTHING, _NO_PORTS, _NO_PORTS, "IpRanges", (("CidrIp", "0.0.0.0/0"),))


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str) -> str:
    """Return the security group's id, its rules being exactly the specification's."""
    group_name = f"lamplighter-{deployment.name}"

    def create(_: ResourceRow) -> str:
        with tolerating("InvalidGroup.Duplicate"):
            return clients.ec2_once.create_security_group(
                GroupName=group_name,
                Description=f"Lamplighter deployment {deployment.name}",
                VpcId=vpc,
                TagSpecifications=naming.specification(
                    ledger.installation, deployment, "security-group", _ROLE
                ),
            )["GroupId"]
        return _of_name(clients, ledger, vpc, group_name)

    group = once(ledger, _ROLE, lambda: found(clients, ledger), create, _by_id(clients))
    mend(ledger, _ROLE, drifts(clients, deployment, ledger, vpc, group))
    return group


def present(clients: Clients, ledger: Ledger) -> list[str]:
    """Return the security group, if it is there."""
    return existing(ledger, _ROLE, lambda: found(clients, ledger), _by_id(clients))


def drifts(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str, group: str
) -> Iterator[Drift]:
    """Yield the rules to take away, then those to restore; and what the VPC's own group lets in.

    That one carries no tag of ours, and nothing of ours uses it.
    """
    described = the(_described(clients, group), ledger, _ROLE)
    ec2, cidrs = clients.ec2, deployment.network.allowed_cidrs
    yield from _differences(
        f"firewall {group}",
        "in",
        {_tcp(port, cidr) for port in _PORTS for cidr in cidrs},
        _rules(described["IpPermissions"]),
        partial(ec2.revoke_security_group_ingress, GroupId=group),
        partial(ec2.authorize_security_group_ingress, GroupId=group),
    )
    yield from _differences(
        f"firewall {group}",
        "out",
        {_ALL_OUT},
        _rules(described["IpPermissionsEgress"]),
        partial(ec2.revoke_security_group_egress, GroupId=group),
        partial(ec2.authorize_security_group_egress, GroupId=group),
    )
    yield from _default_group(clients, vpc)


def destroy(clients: Clients, ledger: Ledger) -> None:
    settled(ledger, _ROLE)
    delete_each(
        ledger,
        _ROLE,
        found(clients, ledger),
        lambda group: clients.ec2.delete_security_group(GroupId=group),
        _by_id(clients),
    )


def found(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_security_groups(Filters=naming.owned(ledger.name, _ROLE))
    return sort(
        ledger, ((group["GroupId"], group["Tags"]) for group in described["SecurityGroups"])
    )


def _of_name(clients: Clients, ledger: Ledger, vpc: str, name: str) -> str:
    """Return the group that an earlier call made, whose reply was lost; its name is unique here."""
    filters: Any = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": [name]}]
    for group in clients.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        if owns(ledger, group.get("Tags", []), group["GroupId"]):
            return group["GroupId"]
        raise conflict(ledger, f"the security group {name!r} of {vpc}", group.get("Tags", []))
    raise Pending(f"the security group {name!r} was created a moment ago, not visible yet")


def _differences(
    whose: str,
    way: str,
    ours: set[Rule],
    there: set[Rule],
    revoke: Callable[..., object],
    authorize: Callable[..., object],
) -> Iterator[Drift]:
    """way: in or out."""
    if surplus := sorted(there - ours):
        permissions = [_permission(rule) for rule in surplus]
        mend = partial(_change, revoke, permissions, "InvalidPermission.NotFound")
        what = f"{whose} lets {way}: {_listed(surplus)}"
        yield Drift(what, "not in the specification", mend)
    if missing := sorted(ours - there):
        permissions = [_permission(rule, _PORTS.get(rule.first)) for rule in missing]
        mend = partial(_change, authorize, permissions, "InvalidPermission.Duplicate")
        what = f"{whose} does not let {way}: {_listed(missing)}"
        yield Drift(what, "in the specification", mend)


def _default_group(clients: Clients, vpc: str) -> Iterator[Drift]:
    """Report rules that somebody gave the VPC's default group beside AWS's own."""
    filters: Any = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    for group in clients.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        identifier = group["GroupId"]
        foreign = sorted(r for r in _rules(group["IpPermissions"]) if not _is_of(r, identifier))
        if foreign:
            what = f"default security group {identifier} lets in: {_listed(foreign)}"
            yield Drift(what, "no host uses it; take the rules away if you did not add them")


def _is_of(rule: Rule, group: str) -> bool:
    """Return whether the rule is about the members of the group itself."""
    return ("GroupId", group) in rule.peer


def _change(change: Callable[..., object], permissions: list[Any], done: str) -> None:
    """Change all rules at once; where EC2 finds one of them `done` already, it changes none."""
    with tolerating(done):
        change(IpPermissions=permissions)
        return
    for permission in permissions:
        with tolerating(done):
            change(IpPermissions=[permission])


def _rules(permissions: Iterable[Any]) -> set[Rule]:
    """Return EC2's permissions one by one, each with its single peer."""
    return {
        Rule(
            permission["IpProtocol"],
            *_ports(permission),
            kind,
            tuple(sorted((k, v) for k, v in peer.items() if k in _IDENTIFYING)),
        )
        for permission in permissions
        for kind in _PEERS
        for peer in permission.get(kind, [])
    }


def _listed(rules: list[Rule]) -> str:
    return ", ".join(map(_shown, rules))


def _shown(rule: Rule) -> str:
    """Return e.g. `tcp 443 0.0.0.0/0`."""
    protocol = "everything" if rule.protocol == _EVERYTHING else rule.protocol
    ports = "" if rule.first == _NO_PORTS else f" {rule.first}"
    last = f"-{rule.last}" if rule.last != rule.first else ""
    return f"{protocol}{ports}{last} {' '.join(value for _, value in rule.peer)}"


def _by_id(clients: Clients) -> ById:
    return ById(lambda group: _described(clients, group), "InvalidGroup.NotFound")


def _described(clients: Clients, group: str) -> list[SecurityGroupTypeDef]:
    return clients.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]


def _ports(permission: Any) -> tuple[int, int]:
    if permission["IpProtocol"] == _EVERYTHING:
        return _NO_PORTS, _NO_PORTS
    return permission.get("FromPort", _NO_PORTS), permission.get("ToPort", _NO_PORTS)


def _tcp(port: int, cidr: str) -> Rule:
    return Rule("tcp", port, port, "IpRanges", (("CidrIp", cidr),))


def _permission(rule: Rule, about: str | None = None) -> Any:
    """Return the rule as EC2 takes it."""
    ports = {} if rule.first == _NO_PORTS else {"FromPort": rule.first, "ToPort": rule.last}
    peer = dict(rule.peer) | ({"Description": about} if about else {})
    return {"IpProtocol": rule.protocol, **ports, rule.kind: [peer]}
