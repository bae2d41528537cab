"""Public and private subnets over the zones."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.capacity import pools
from orchestrator.capacity.zones import offering
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.drift import Drift
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.visibility import ById, settled
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources.routes import KINDS
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef

_MAX_ZONES = 3  # of network.zones
_MAX_PUBLIC = 16  # as many ranges as are kept free for them
_ROLE = re.compile(r"(public|private)-subnet-(\d+)")


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str
) -> tuple[list[str], list[str]]:
    """Return the ids of the public and of the private subnets.

    One of each in network.zones zones, and a public one in every other zone of the pools.
    """
    there = _described(clients, ledger, None)
    layout = _layout(clients, deployment, ledger, there)

    def one(kind: str, k: int) -> str:
        find = partial(_listed, clients, ledger, _role(kind, k), there)
        return _subnet(clients, deployment, ledger, vpc, kind, k, layout[kind][k], find)

    public, private = ([one(kind, k) for k in sorted(layout[kind])] for kind in KINDS)
    return public, private


def drifts(clients: Clients, ledger: Ledger) -> Iterator[Drift]:
    """Yield the subnets that give every machine a public address: a host asks for its own."""
    there = _described(clients, ledger, None)
    ours = set(_sorted(ledger, there).ours)
    for subnet in (each for each in there if each["SubnetId"] in ours):
        if subnet.get("MapPublicIpOnLaunch"):
            identifier = subnet["SubnetId"]
            yield Drift(
                f"subnet {identifier} gives every instance a public address",
                "none but the host gets one",
                partial(
                    clients.ec2.modify_subnet_attribute,
                    SubnetId=identifier,
                    MapPublicIpOnLaunch={"Value": False},
                ),
            )


def destroy(clients: Clients, ledger: Ledger, kind: str) -> None:
    for role in _roles(clients, ledger, kind):
        settled(ledger, role)
        delete_each(
            ledger,
            role,
            _found(clients, ledger, role),
            lambda subnet: clients.ec2.delete_subnet(SubnetId=subnet),
            _by_id(clients),
        )


def found(clients: Clients, ledger: Ledger) -> Found:
    """Return every subnet of the deployment."""
    return _found(clients, ledger, None)


def of_kind(clients: Clients, ledger: Ledger, kind: str) -> list[str]:
    """Return the ids of the public or of the private subnets that are there."""
    there = [_found(clients, ledger, role).ours for role in _roles(clients, ledger, kind)]
    return [subnet for some in there for subnet in some]


def ranges(cidr: str, kind: str) -> list[str]:
    """Return the subnets' ranges: three large private ones, then sixteen small public ones.

    10.0.0.0/16 gives private 10.0.0.0/20, 10.0.16.0/20, 10.0.32.0/20 and public 10.0.48.0/24 ...
    """
    network = ipaddress.IPv4Network(cidr)
    if kind == "private":
        return [str(part) for part in list(network.subnets(4))[:_MAX_ZONES]]
    return [str(part) for part in list(network.subnets(8))[48 : 48 + _MAX_PUBLIC]]


def placed(
    there: dict[str, dict[int, str]], spread: list[str], launching: list[str], wanted: int
) -> dict[str, dict[int, str]]:
    """Return kind -> number -> zone of every subnet: those that are there stay where they are.

    spread: zones for the first `wanted` subnets of each kind; launching: zones that need a public
    one besides. A number's public and private subnet are in one zone where both are new.
    """
    layout = {kind: dict(there.get(kind, {})) for kind in KINDS}
    for k in range(wanted):
        for kind, other in (KINDS, tuple(reversed(KINDS))):
            taken = set(layout[kind].values())
            free = [layout[other].get(k), *spread]
            if k not in layout[kind]:
                unused = (zone for zone in free if zone and zone not in taken)
                layout[kind][k] = next(unused, spread[0])
    free_numbers = (k for k in range(_MAX_PUBLIC) if k not in layout["public"])
    missing = [zone for zone in launching if zone not in layout["public"].values()]
    layout["public"] |= dict(zip(free_numbers, missing, strict=False))
    return layout


def _subnet(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    vpc: str,
    kind: str,
    k: int,
    zone: str,
    find: Callable[[], Found],
) -> str:
    role = _role(kind, k)

    def create(_: ResourceRow) -> str:
        created = clients.ec2_once.create_subnet(
            VpcId=vpc,
            CidrBlock=ranges(deployment.network.cidr, kind)[k],
            AvailabilityZone=zone,
            TagSpecifications=naming.specification(ledger.installation, deployment, "subnet", role),
        )
        return created["Subnet"]["SubnetId"]

    return once(ledger, role, find, create, _by_id(clients))


def _layout(
    clients: Clients, deployment: Deployment, ledger: Ledger, described: list[SubnetTypeDef]
) -> dict[str, dict[int, str]]:
    """Return kind -> number -> zone of the subnets that the deployment is to have."""
    there: dict[str, dict[int, str]] = {}
    ours = set(_sorted(ledger, described).ours)
    for subnet in (each for each in described if each["SubnetId"] in ours):
        if role := _ROLE.fullmatch(_role_of(subnet)):
            there.setdefault(role[1], {})[int(role[2])] = subnet["AvailabilityZone"]
    wanted, spec = deployment.network.zones, deployment.instance
    offered = offering(clients, spec.preferred_types)
    launching = pools.zones_of(clients, spec, offered)
    others = sorted({zone for some in offered.values() for zone in some} - set(launching))
    used = dict.fromkeys(zone for some in there.values() for zone in some.values())
    spread = list(dict.fromkeys([*used, *launching, *others]))
    if len(spread) < wanted:
        raise InvalidRequest(
            f"network.zones: {wanted} are needed, but {' and '.join(spec.preferred_types)} is "
            f"offered in {len(spread)} zones of {clients.settings.region}: {', '.join(spread)}"
        )
    return placed(there, spread, launching, wanted)


def _role(kind: str, k: int) -> str:
    return f"{kind}-subnet-{k}"


def _by_id(clients: Clients) -> ById:
    return ById(
        lambda subnet: clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"],
        "InvalidSubnetID.NotFound",
    )


def _role_of(subnet: SubnetTypeDef) -> str:
    return next((tag["Value"] for tag in subnet["Tags"] if tag["Key"] == naming.ROLE), "")


def _roles(clients: Clients, ledger: Ledger, kind: str) -> list[str]:
    """Return the roles of the kind's subnets that the ledger or a tag names."""
    tagged = {_role_of(each) for each in _described(clients, ledger, None)}
    known = {row.kind for row in ledger.resources()}
    roles = filter(None, map(_ROLE.fullmatch, tagged | known))
    return [_role(kind, k) for k in sorted(int(role[2]) for role in roles if role[1] == kind)]


def _listed(clients: Clients, ledger: Ledger, role: str, there: list[SubnetTypeDef]) -> Found:
    """Find the role's subnet in a list of a moment ago; AWS is asked for one that is not in it."""
    found = _sorted(ledger, [each for each in there if _role_of(each) == role])
    return found if found.ours or found.others else _found(clients, ledger, role)


def _found(clients: Clients, ledger: Ledger, role: str | None) -> Found:
    return _sorted(ledger, _described(clients, ledger, role))


def _described(clients: Clients, ledger: Ledger, role: str | None) -> list[SubnetTypeDef]:
    return clients.ec2.describe_subnets(Filters=naming.owned(ledger.name, role))["Subnets"]


def _sorted(ledger: Ledger, there: list[SubnetTypeDef]) -> Found:
    return sort(ledger, ((subnet["SubnetId"], subnet["Tags"]) for subnet in there))
