"""The VPC and what belongs to it: internet gateway, subnets, routes, NAT, firewall."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation import blockers, ownership
from orchestrator.creation.deletion import delete_each, known
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.once import changed, existing, once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import ById, settled
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources import firewall, nat, routes, subnets
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InternetGatewayTypeDef

_ROLE, _VPC, _GATEWAY = "network", "vpc", "internet-gateway"


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    spec = deployment.network
    vpcs = existing(ledger, _VPC, partial(_vpcs, clients, ledger), _vpc_by_id(clients))
    gateways = existing(
        ledger, _GATEWAY, partial(_gateways, clients, ledger), _gateway_by_id(clients)
    )
    groups = firewall.present(clients, ledger)
    whats = {
        f"VPC {spec.cidr}": bool(vpcs),
        "internet gateway": bool(gateways),
        f"{spec.zones} public and {spec.zones} private subnets": all(
            len(subnets.of_kind(clients, ledger, kind)) >= spec.zones for kind in routes.KINDS
        ),
        "a public and a private route table": all(
            routes.found(clients, ledger, kind) for kind in routes.KINDS
        ),
        f"firewall: 80, 443 from {', '.join(spec.allowed_cidrs)}": bool(groups),
    }
    nats = nat.found(clients, ledger).ours
    if spec.nat == "single":
        whats["NAT gateway (billed by the hour)"] = bool(nats)
    changes = [planned(_ROLE, what, there=there) for what, there in whats.items()]
    for vpc in vpcs[:1]:
        changes += differing(_ROLE, _vpc_drifts(clients, vpc))
        for gateway in gateways[:1]:
            changes += differing(_ROLE, _gateway_drifts(clients, ledger, gateway, vpc))
        changes += differing(_ROLE, subnets.drifts(clients, ledger))
        changes += _planned_routes(clients, deployment, ledger, gateways, nats)
        for group in groups[:1]:
            changes += differing(_ROLE, firewall.drifts(clients, deployment, ledger, vpc, group))
    return changes


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, object]:
    """Return {"vpc": id, "subnets": public subnet ids, "security_group": id}."""
    vpc = _ensure_vpc(clients, deployment, ledger)
    gateway = _ensure_gateway(clients, deployment, ledger, vpc)
    public, private = subnets.ensure(clients, deployment, ledger, vpc)
    mend(ledger, _ROLE, subnets.drifts(clients, ledger))
    routes.ensure(clients, deployment, ledger, vpc, "public", public, {"GatewayId": gateway})
    way_out: dict[str, str] = {}
    if deployment.network.nat == "single":
        way_out = {"NatGatewayId": nat.ensure(clients, deployment, ledger, public[0])}
    routes.ensure(clients, deployment, ledger, vpc, "private", private, way_out)
    group = firewall.ensure(clients, deployment, ledger, vpc)
    return {"vpc": vpc, "subnets": public, "security_group": group}


def set_firewall(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"security_group": id}, its rules being the specification's: all hosts share it, so a
    change moves it only once its own host serves.
    """
    row = ledger.resource(_VPC)
    vpc = row.id if row and row.id else _ensure_vpc(clients, deployment, ledger)
    return {"security_group": firewall.ensure(clients, deployment, ledger, vpc)}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Raise Pending while AWS still holds something; Blocked names what is not ours."""
    for role in (_VPC, _GATEWAY):
        settled(ledger, role)
    nat.destroy(clients, ledger)
    vpcs = known(ledger, _VPC, _vpcs(clients, ledger))
    if held := [line for vpc in vpcs for line in blockers.interfaces(clients, vpc)]:
        raise blockers.blocked(ledger, held)
    with blockers.named(clients, ledger, vpcs):
        firewall.destroy(clients, ledger)
        _destroy_gateway(clients, ledger)
        for kind in routes.KINDS:
            routes.destroy(clients, ledger, kind)
            subnets.destroy(clients, ledger, kind)
        delete_each(
            ledger,
            _VPC,
            _vpcs(clients, ledger),
            lambda vpc: clients.ec2.delete_vpc(VpcId=vpc),
            _vpc_by_id(clients),
        )


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return whatever of EC2 carries our tag and is not listed by the other modules."""
    gateways = nat.found(clients, ledger).ours
    others = ownership.tagged(clients, ledger, but=("elastic-ip", "volume")).ours
    return [*others, *(f"natgateway {gateway}" for gateway in gateways)]


def _ensure_vpc(clients: Clients, deployment: Deployment, ledger: Ledger) -> str:
    def create(_: ResourceRow) -> str:
        created = clients.ec2_once.create_vpc(
            CidrBlock=deployment.network.cidr,
            TagSpecifications=naming.specification(ledger.installation, deployment, "vpc", _VPC),
        )
        return created["Vpc"]["VpcId"]

    vpc = once(ledger, _VPC, partial(_vpcs, clients, ledger), create, _vpc_by_id(clients))
    mend(ledger, _ROLE, _vpc_drifts(clients, vpc))
    return vpc


def _ensure_gateway(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str) -> str:
    def create(_: ResourceRow) -> str:
        created = clients.ec2_once.create_internet_gateway(
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "internet-gateway", _GATEWAY
            )
        )
        return created["InternetGateway"]["InternetGatewayId"]

    find = partial(_gateways, clients, ledger)
    gateway = once(ledger, _GATEWAY, find, create, _gateway_by_id(clients))
    mend(ledger, _ROLE, _gateway_drifts(clients, ledger, gateway, vpc))
    return gateway


def _vpc_drifts(clients: Clients, vpc: str) -> Iterator[Drift]:
    """Yield what the VPC's resolver lacks; AWS gives host names only where it resolves."""
    ec2 = clients.ec2
    support = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
    if not support["EnableDnsSupport"].get("Value"):
        change = partial(ec2.modify_vpc_attribute, VpcId=vpc, EnableDnsSupport={"Value": True})
        yield Drift(f"{vpc} resolves no names", "the host's downloads need them", change)
    named = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    if not named["EnableDnsHostnames"].get("Value"):
        change = partial(ec2.modify_vpc_attribute, VpcId=vpc, EnableDnsHostnames={"Value": True})
        yield Drift(f"{vpc} gives no host names", "enableDnsHostnames", change)


def _gateway_drifts(clients: Clients, ledger: Ledger, gateway: str, vpc: str) -> Iterator[Drift]:
    """Yield an attachment that is missing; one elsewhere, or another gateway's here, blocks."""
    attached = _attachments(clients, gateway)
    if vpc in attached:
        return
    if attached:
        what = f"internet gateway {gateway} is attached to {', '.join(attached)}"
        yield Drift(what, f"it is {vpc}'s: detach it there, then start again", blocks=True)
    filters: Any = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for other in clients.ec2.describe_internet_gateways(Filters=filters)["InternetGateways"]:
        what = f"internet gateway {other['InternetGatewayId']} is attached to {vpc}"
        why = f"{gateway} belongs there: detach the other one, then start again"
        yield Drift(what, why, blocks=True)
    attach = partial(_attach, clients, ledger, gateway, vpc)
    yield Drift(f"internet gateway {gateway} is attached to no VPC", f"it is {vpc}'s", attach)


def _attach(clients: Clients, ledger: Ledger, gateway: str, vpc: str) -> None:
    with tolerating("Resource.AlreadyAssociated"):
        clients.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    changed(ledger, _GATEWAY)


def _planned_routes(
    clients: Clients, deployment: Deployment, ledger: Ledger, gateways: list[str], nats: list[str]
) -> list[Change]:
    """Return the routes' differences; where the way out is not there yet, it is made with it."""
    nat_id = nats[0] if nats and deployment.network.nat == "single" else None
    ways: dict[str, dict[str, str]] = {}
    if gateways:
        ways["public"] = {"GatewayId": gateways[0]}
    if deployment.network.nat == "none" or nat_id:
        ways["private"] = {"NatGatewayId": nat_id} if nat_id else {}
    return [
        change
        for kind, way_out in ways.items()
        for table in routes.found(clients, ledger, kind)[:1]
        for change in differing(
            _ROLE,
            routes.drifts(
                clients, ledger, kind, table, subnets.of_kind(clients, ledger, kind), way_out
            ),
        )
    ]


def _destroy_gateway(clients: Clients, ledger: Ledger) -> None:
    def delete(gateway: str) -> None:
        for vpc in _attachments(clients, gateway):
            with tolerating("Gateway.NotAttached"):
                clients.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        clients.ec2.delete_internet_gateway(InternetGatewayId=gateway)

    delete_each(
        ledger,
        _GATEWAY,
        _gateways(clients, ledger),
        delete,
        _gateway_by_id(clients),
    )


def _vpcs(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_vpcs(Filters=naming.owned(ledger.name, _VPC))["Vpcs"]
    return sort(ledger, ((vpc["VpcId"], vpc["Tags"]) for vpc in described))


def _gateways(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_internet_gateways(Filters=naming.owned(ledger.name, _GATEWAY))
    found = described["InternetGateways"]
    return sort(ledger, ((gateway["InternetGatewayId"], gateway["Tags"]) for gateway in found))


def _vpc_by_id(clients: Clients) -> ById:
    return ById(
        lambda vpc: clients.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"], "InvalidVpcID.NotFound"
    )


def _gateway_by_id(clients: Clients) -> ById:
    return ById(lambda gateway: _described(clients, gateway), "InvalidInternetGatewayID.NotFound")


def _described(clients: Clients, gateway: str) -> list[InternetGatewayTypeDef]:
    answer = clients.ec2.describe_internet_gateways(InternetGatewayIds=[gateway])
    return answer["InternetGateways"]


def _attachments(clients: Clients, gateway: str) -> list[str]:
    with tolerating("InvalidInternetGatewayID.NotFound"):
        attached = (each["Attachments"] for each in _described(clients, gateway))
        return [attachment["VpcId"] for some in attached for attachment in some]
    return []
