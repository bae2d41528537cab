"""One internet gateway per network, one route table per subnet; moto takes any number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule


class Attachments:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {
            "ec2.AttachInternetGateway": self._attach,
            "ec2.DetachInternetGateway": self._detach,
            "ec2.AssociateRouteTable": self._associate,
        }

    def _attach(self, request: Request, proceed: Proceed) -> Response:
        vpc = request.parameters["VpcId"]
        if _gateways_of(request, vpc):
            request.refuse(
                "InvalidParameterValue", f"Network {vpc} already has an internet gateway attached"
            )
        return proceed(request)

    def _detach(self, request: Request, proceed: Proceed) -> Response:
        gateway, vpc = request.parameters["InternetGatewayId"], request.parameters["VpcId"]
        if gateway not in _gateways_of(request, vpc):
            request.ask("DescribeInternetGateways", InternetGatewayIds=[gateway])
            request.refuse(
                "Gateway.NotAttached", f"resource {gateway} is not attached to network {vpc}"
            )
        return proceed(request)

    def _associate(self, request: Request, proceed: Proceed) -> Response:
        table, subnet = request.parameters["RouteTableId"], request.parameters.get("SubnetId")
        for other in request.ask("DescribeRouteTables")["RouteTables"]:
            held = {each.get("SubnetId") for each in other["Associations"]}
            if subnet in held and other["RouteTableId"] != table:
                request.refuse(
                    "Resource.AlreadyAssociated",
                    f"the specified association for route table {table} conflicts with an existing "
                    "association",
                )
        return proceed(request)


def _gateways_of(request: Request, vpc: str) -> set[str]:
    return {
        gateway["InternetGatewayId"]
        for gateway in request.ask("DescribeInternetGateways")["InternetGateways"]
        if vpc in {each["VpcId"] for each in gateway["Attachments"]}
    }
