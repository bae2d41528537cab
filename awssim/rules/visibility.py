"""Eventual consistency: a Describe filtered by tag does not see what was created moments ago, and
EC2 does not know an instance profile that IAM has made moments ago.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

_CREATES = {
    "CreateVpc": ("Vpc", "VpcId"),
    "CreateInternetGateway": ("InternetGateway", "InternetGatewayId"),
    "CreateSubnet": ("Subnet", "SubnetId"),
    "CreateRouteTable": ("RouteTable", "RouteTableId"),
    "CreateNatGateway": ("NatGateway", "NatGatewayId"),
    "CreateSecurityGroup": (None, "GroupId"),
    "AllocateAddress": (None, "AllocationId"),
    "RunInstances": ("Instances", "InstanceId"),
}
_DESCRIBES = {
    "DescribeVpcs": ("Vpcs", "VpcId"),
    "DescribeInternetGateways": ("InternetGateways", "InternetGatewayId"),
    "DescribeSubnets": ("Subnets", "SubnetId"),
    "DescribeRouteTables": ("RouteTables", "RouteTableId"),
    "DescribeNatGateways": ("NatGateways", "NatGatewayId"),
    "DescribeSecurityGroups": ("SecurityGroups", "GroupId"),
    "DescribeAddresses": ("Addresses", "AllocationId"),
    "DescribeTags": ("Tags", "ResourceId"),
}


class Visibility:
    """Outermost layer. `lag`: seconds until a new thing is found by its tags."""

    def __init__(self, clock: Clock, lag: float) -> None:
        self._clock = clock
        self._lag = lag
        self._born: dict[str, float] = {}
        creates: dict[str, Rule] = {f"ec2.{name}": self._create for name in _CREATES}
        describes: dict[str, Rule] = {f"ec2.{name}": self._describe for name in _DESCRIBES}
        self.rules: Mapping[str, Rule] = {
            **creates,
            **describes,
            "ec2.DescribeInstances": self._describe_instances,
            "ec2.RunInstances": self._run,
            "iam.CreateInstanceProfile": self._create_profile,
        }

    def _create(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        inside, identifier = _CREATES[request.operation]
        made = response[inside] if inside else response
        for thing in made if isinstance(made, list) else [made]:
            self._born.setdefault(thing[identifier], self._clock.seconds)
        return response

    def _create_profile(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        self._born[request.parameters["InstanceProfileName"]] = self._clock.seconds
        return response

    def _run(self, request: Request, proceed: Proceed) -> Response:
        profile = request.parameters.get("IamInstanceProfile", {}).get("Name", "")
        latest = self._clock.seconds - self._lag
        if self._born.get(profile, latest) > latest:
            text = f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. "
            request.refuse("InvalidParameterValue", text + "Invalid IAM Instance Profile name")
        return self._create(request, proceed)

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        items, identifier = _DESCRIBES[request.operation]
        if self._is_blurred(request):
            response[items] = self._visible(response[items], identifier)
        return response

    def _describe_instances(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        if not self._is_blurred(request):
            return response
        for reservation in response["Reservations"]:
            reservation["Instances"] = self._visible(reservation["Instances"], "InstanceId")
        response["Reservations"] = [kept for kept in response["Reservations"] if kept["Instances"]]
        return response

    def _is_blurred(self, request: Request) -> bool:
        filters = request.parameters.get("Filters") or request.parameters.get("Filter") or []
        by_tag = any(condition["Name"].startswith("tag") for condition in filters)
        return by_tag or request.operation == "DescribeTags"

    def _visible(self, items: Iterable[dict[str, Any]], identifier: str) -> list[dict[str, Any]]:
        latest = self._clock.seconds - self._lag
        return [item for item in items if self._born.get(item[identifier], latest) <= latest]
