"""A subnet, security group, internet gateway or VPC that something still uses cannot go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.instances import Instances
    from awssim.rules.nat_gateways import NatGateways


class InUse:
    def __init__(self, instances: Instances, nat_gateways: NatGateways) -> None:
        self._instances = instances
        self._nat_gateways = nat_gateways
        self.rules: Mapping[str, Rule] = {
            "ec2.DeleteVpc": self._delete_vpc,
            "ec2.DeleteSubnet": self._delete_subnet,
            "ec2.DeleteSecurityGroup": self._delete_security_group,
            "ec2.DetachInternetGateway": self._detach_internet_gateway,
        }

    def _delete_subnet(self, request: Request, proceed: Proceed) -> Response:
        subnet = request.parameters["SubnetId"]
        users = [*self._instances.live(request), *self._nat_gateways.live(request)]
        interfaces = _within(request, "DescribeNetworkInterfaces", "subnet-id", subnet)
        orphans = self._nat_gateways.former_interfaces(request)
        held = any(
            not each.get("Attachment", {}).get("InstanceId")
            for each in interfaces
            if each["NetworkInterfaceId"] not in orphans
        )
        if held or any(user.get("SubnetId") == subnet for user in users):
            request.refuse(
                "DependencyViolation",
                f"The subnet '{subnet}' has dependencies and cannot be deleted.",
            )
        return proceed(request)

    def _delete_security_group(self, request: Request, proceed: Proceed) -> Response:
        group = request.parameters.get("GroupId")
        for instance in self._instances.live(request):
            if group in _groups(instance):
                request.refuse("DependencyViolation", f"resource {group} has a dependent object")
        for other in request.ask("DescribeSecurityGroups")["SecurityGroups"]:
            if other["GroupId"] != group and group in _named(other):
                request.refuse("DependencyViolation", f"resource {group} has a dependent object")
        return proceed(request)

    def _delete_vpc(self, request: Request, proceed: Proceed) -> Response:
        vpc = request.parameters["VpcId"]
        if any(_members(request, vpc)):
            request.refuse(
                "DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."
            )
        return proceed(request)

    def _detach_internet_gateway(self, request: Request, proceed: Proceed) -> Response:
        vpc = request.parameters["VpcId"]
        public = [i for i in self._instances.live(request) if i.get("PublicIpAddress")]
        if any(user.get("VpcId") == vpc for user in [*public, *self._nat_gateways.live(request)]):
            request.refuse(
                "DependencyViolation",
                f"Network {vpc} has some mapped public address(es). Please unmap those public "
                "address(es) before detaching the gateway.",
            )
        return proceed(request)


def _members(request: Request, vpc: str) -> Iterator[str]:
    """Yield what is in or at the VPC, but for what AWS made with it."""
    yield from (each["SubnetId"] for each in _within(request, "DescribeSubnets", "vpc-id", vpc))
    for group in _within(request, "DescribeSecurityGroups", "vpc-id", vpc):
        if group["GroupName"] != "default":
            yield group["GroupId"]
    for table in _within(request, "DescribeRouteTables", "vpc-id", vpc):
        if not any(each.get("Main") for each in table["Associations"]):
            yield table["RouteTableId"]
    yield from _attached(request, vpc)


def _attached(request: Request, vpc: str) -> Iterator[str]:
    for endpoint in _within(request, "DescribeVpcEndpoints", "vpc-id", vpc):
        if endpoint["State"] not in {"deleted", "deleting"}:
            yield endpoint["VpcEndpointId"]
    for kind in ("InternetGateways", "VpnGateways"):
        for gateway in _within(request, f"Describe{kind}", "attachment.vpc-id", vpc):
            yield str(gateway)
    for peering in request.ask("DescribeVpcPeeringConnections")["VpcPeeringConnections"]:
        sides = {peering[side].get("VpcId") for side in ("RequesterVpcInfo", "AccepterVpcInfo")}
        if vpc in sides and peering["Status"]["Code"] in {"active", "pending-acceptance"}:
            yield peering["VpcPeeringConnectionId"]


def _within(request: Request, operation: str, key: str, value: str) -> list[dict[str, Any]]:
    answer = request.ask(operation, Filters=[{"Name": key, "Values": [value]}])
    return next(found for name, found in answer.items() if isinstance(found, list))


def _named(group: dict[str, Any]) -> set[str]:
    """Return the groups that a group's rules name."""
    rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
    return {pair["GroupId"] for rule in rules for pair in rule.get("UserIdGroupPairs", [])}


def _groups(instance: dict[str, Any]) -> set[str]:
    """Moto names the groups of a requested network interface only there."""
    holders = [instance, *instance["NetworkInterfaces"]]
    lists = [holder.get("SecurityGroups", holder.get("Groups", [])) for holder in holders]
    return {group["GroupId"] for groups in lists for group in groups}
