"""The VPC and what belongs to it: internet gateway, subnets, routes, NAT, firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation import ownership
from orchestrator.creation.deletion import delete_each, known
from orchestrator.creation.once import changed, once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import settled
from orchestrator.errors import Pending
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources import firewall, nat, subnets
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InternetGatewayTypeDef

_VPC, _GATEWAY = "vpc", "internet-gateway"


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    spec = deployment.network
    whats = {
        f"VPC {spec.cidr}": bool(_vpcs(clients, ledger).ours),
        "internet gateway": bool(_gateways(clients, ledger).ours),
        f"{spec.zones} public and {spec.zones} private subnets": bool(
            subnets.found(clients, ledger).ours
        ),
        f"firewall: 80, 443 from {', '.join(spec.allowed_cidrs)}": bool(
            firewall.found(clients, ledger).ours
        ),
    }
    if spec.nat == "single":
        whats["NAT gateway (billed by the hour)"] = bool(nat.found(clients, ledger).ours)
    return [planned("network", what, there=there) for what, there in whats.items()]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, object]:
    """Return {"vpc": id, "subnets": public subnet ids, "security_group": id}."""
    vpc = _ensure_vpc(clients, deployment, ledger)
    gateway = _ensure_gateway(clients, deployment, ledger, vpc)
    public, private = subnets.ensure(clients, deployment, ledger, vpc)
    subnets.route(clients, deployment, ledger, vpc, "public", public, {"GatewayId": gateway})
    way_out: dict[str, str] = {}
    if deployment.network.nat == "single":
        way_out = {"NatGatewayId": nat.ensure(clients, deployment, ledger, public[0])}
    subnets.route(clients, deployment, ledger, vpc, "private", private, way_out)
    group = firewall.ensure(clients, deployment, ledger, vpc)
    return {"vpc": vpc, "subnets": public, "security_group": group}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Raise Pending while AWS still holds something, naming it."""
    for role in (_VPC, _GATEWAY):
        settled(ledger, role)
    nat.destroy(clients, ledger)
    _nothing_in_the_way(clients, ledger)
    firewall.destroy(clients, ledger)
    _destroy_gateway(clients, ledger)
    subnets.destroy(clients, ledger)
    delete_each(
        ledger,
        _VPC,
        _vpcs(clients, ledger),
        lambda vpc: clients.ec2.delete_vpc(VpcId=vpc),
        describe=lambda vpc: clients.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"],
        gone="InvalidVpcID.NotFound",
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

    vpc = once(ledger, _VPC, lambda: _vpcs(clients, ledger), create)
    named = clients.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    if not named["EnableDnsHostnames"].get("Value"):
        clients.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return vpc


def _ensure_gateway(clients: Clients, deployment: Deployment, ledger: Ledger, vpc: str) -> str:
    def create(_: ResourceRow) -> str:
        created = clients.ec2_once.create_internet_gateway(
            TagSpecifications=naming.specification(
                ledger.installation, deployment, "internet-gateway", _GATEWAY
            )
        )
        return created["InternetGateway"]["InternetGatewayId"]

    gateway = once(ledger, _GATEWAY, lambda: _gateways(clients, ledger), create)
    if vpc not in _attachments(clients, gateway):
        with tolerating("Resource.AlreadyAssociated"):
            clients.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        changed(ledger, _GATEWAY)
    return gateway


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
        describe=lambda gateway: _described(clients, gateway),
        gone="InvalidInternetGatewayID.NotFound",
    )


def _nothing_in_the_way(clients: Clients, ledger: Ledger) -> None:
    """Name foreign interfaces in our network: they are not ours to delete."""
    for vpc in known(ledger, _VPC, _vpcs(clients, ledger)):
        pages = clients.ec2.describe_network_interfaces(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )
        held = [
            f"{i['NetworkInterfaceId']} ({i.get('Description') or 'no description'})"
            for i in pages["NetworkInterfaces"]
        ]
        if held:
            raise Pending(f"{vpc} still holds network interfaces: {', '.join(held)}")


def _vpcs(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_vpcs(Filters=naming.owned(ledger.name, _VPC))["Vpcs"]
    return sort(ledger, ((vpc["VpcId"], vpc["Tags"]) for vpc in described))


def _gateways(clients: Clients, ledger: Ledger) -> Found:
    described = clients.ec2.describe_internet_gateways(Filters=naming.owned(ledger.name, _GATEWAY))
    found = described["InternetGateways"]
    return sort(ledger, ((gateway["InternetGatewayId"], gateway["Tags"]) for gateway in found))


def _described(clients: Clients, gateway: str) -> list[InternetGatewayTypeDef]:
    answer = clients.ec2.describe_internet_gateways(InternetGatewayIds=[gateway])
    return answer["InternetGateways"]


def _attachments(clients: Clients, gateway: str) -> list[str]:
    with tolerating("InvalidInternetGatewayID.NotFound"):
        attached = (each["Attachments"] for each in _described(clients, gateway))
        return [attachment["VpcId"] for some in attached for attachment in some]
    return []
