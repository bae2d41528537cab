"""Tags go with their resource; moto goes on listing those of what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

# Instances and NAT gateways keep theirs for an hour, on AWS too.
_LISTED = {
    "vpc": ("DescribeVpcs", "Vpcs", "VpcId"),
    "internet-gateway": ("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
    "subnet": ("DescribeSubnets", "Subnets", "SubnetId"),
    "route-table": ("DescribeRouteTables", "RouteTables", "RouteTableId"),
    "security-group": ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "vpc-elastic-ip": ("DescribeAddresses", "Addresses", "AllocationId"),
    "volume": ("DescribeVolumes", "Volumes", "VolumeId"),
}


class Tags:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {"ec2.DescribeTags": self._describe}

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        there = {
            kind: {found[identifier] for found in request.ask(operation)[items]}
            for kind, (operation, items, identifier) in _LISTED.items()
            if kind in {tag["ResourceType"] for tag in response["Tags"]}
        }
        kept = [
            tag
            for tag in response["Tags"]
            if tag["ResourceType"] not in there or tag["ResourceId"] in there[tag["ResourceType"]]
        ]
        return {**response, "Tags": kept}
