"""A subnet, security group or internet gateway that something still uses cannot go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.instances import Instances
    from awssim.rules.nat_gateways import NatGateways


class InUse:
    def __init__(self, instances: Instances, nat_gateways: NatGateways) -> None:
        self._instances = instances
        self._nat_gateways = nat_gateways
        self.rules: Mapping[str, Rule] = {
            "ec2.DeleteSubnet": self._delete_subnet,
            "ec2.DeleteSecurityGroup": self._delete_security_group,
            "ec2.DetachInternetGateway": self._detach_internet_gateway,
        }

    def _delete_subnet(self, request: Request, proceed: Proceed) -> Response:
        subnet = request.parameters["SubnetId"]
        users = [*self._instances.live(request), *self._nat_gateways.live(request)]
        if any(user.get("SubnetId") == subnet for user in users):
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


def _groups(instance: dict[str, Any]) -> set[str]:
    """Moto names the groups of a requested network interface only there."""
    holders = [instance, *instance["NetworkInterfaces"]]
    lists = [holder.get("SecurityGroups", holder.get("Groups", [])) for holder in holders]
    return {group["GroupId"] for groups in lists for group in groups}
