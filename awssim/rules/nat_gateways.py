"""NAT gateways: pending -> available, deleting -> deleted; routes need an available one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

CREATE_SECONDS = 90
DELETE_SECONDS = 60
_MOTOS = ("nat-gateway-id", "subnet-id", "vpc-id")


class NatGateways:
    def __init__(self, clock: Clock) -> None:
        self._states = Lifecycle(clock)
        self._deleting: set[str] = set()
        self.rules: Mapping[str, Rule] = {
            "ec2.CreateNatGateway": self._create,
            "ec2.DescribeNatGateways": self._describe,
            "ec2.DeleteNatGateway": self._delete,
            "ec2.CreateRoute": self._route,
            "ec2.ReplaceRoute": self._route,
            "ec2.DescribeTags": self._describe_tags,
        }

    def live(self, request: Request) -> Iterator[dict[str, Any]]:
        """Every NAT gateway that is not deleted yet: it holds its subnet and its address."""
        for gateway in request.ask("DescribeNatGateways")["NatGateways"]:
            if self._states.state(gateway["NatGatewayId"]) != "deleted":
                yield gateway

    def former_interfaces(self, request: Request) -> set[str]:
        """The network interfaces of deleted NAT gateways: moto keeps them."""
        held = {gateway["NatGatewayId"] for gateway in self.live(request)}
        return {
            address["NetworkInterfaceId"]
            for gateway in request.ask("DescribeNatGateways")["NatGateways"]
            if gateway["NatGatewayId"] not in held
            for address in gateway["NatGatewayAddresses"]
        }

    def _create(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        gateway = response["NatGateway"]
        identifier = gateway["NatGatewayId"]
        self._states.begin_once(identifier, "pending", "available", seconds=CREATE_SECONDS)
        gateway["State"] = self._states.state(identifier)
        return response

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        """Moto applies no tag filters, virtual states or unknown filters; unknown ids are empty."""
        for identifier in request.parameters.get("NatGatewayIds", []):
            self._require_known(request, identifier)
        filters = request.parameters.get("Filter", [])
        for condition in filters:
            if condition["Name"] not in _MOTOS and not _is_ours(condition):
                request.refuse(
                    "InvalidParameterValue", f"The filter '{condition['Name']}' is invalid"
                )
        ours = [f for f in filters if _is_ours(f)]
        response = proceed(request.changed(Filter=[f for f in filters if not _is_ours(f)]))
        for gateway in response["NatGateways"]:
            gateway["State"] = self._states.state(gateway["NatGatewayId"])
        response["NatGateways"] = [
            gateway
            for gateway in response["NatGateways"]
            if all(_passes(gateway, condition) for condition in ours)
        ]
        return response

    def _describe_tags(self, request: Request, proceed: Proceed) -> Response:
        """Moto names the type `nat-gateway`, which AWS does nowhere."""
        response = proceed(request)
        for tag in response["Tags"]:
            if tag["ResourceType"] == "nat-gateway":
                tag["ResourceType"] = "natgateway"
        return response

    def _delete(self, request: Request, proceed: Proceed) -> Response:
        identifier = request.parameters["NatGatewayId"]
        self._require_known(request, identifier)
        response = proceed(request)
        if identifier not in self._deleting:
            self._deleting.add(identifier)
            self._states.begin(identifier, "deleting", "deleted", seconds=DELETE_SECONDS)
        return response

    def _route(self, request: Request, proceed: Proceed) -> Response:
        identifier = request.parameters.get("NatGatewayId")
        if identifier and not self._is_available(identifier):
            request.refuse(
                "InvalidNatGatewayID.NotFound", f"The natGateway ID '{identifier}' does not exist"
            )
        return proceed(request)

    def _is_available(self, identifier: str) -> bool:
        return self._states.knows(identifier) and self._states.state(identifier) == "available"

    def _require_known(self, request: Request, identifier: str) -> None:
        if not self._states.knows(identifier):
            request.refuse("NatGatewayNotFound", f"The Nat Gateway {identifier} was not found")


def _is_ours(condition: dict[str, Any]) -> bool:
    name: str = condition["Name"]
    return name == "state" or name.startswith("tag")


def _passes(gateway: dict[str, Any], condition: dict[str, Any]) -> bool:
    tags: dict[str, str] = {tag["Key"]: tag["Value"] for tag in gateway.get("Tags", [])}
    wanted: list[str] = condition["Values"]
    if condition["Name"] == "state":
        return gateway["State"] in wanted
    if condition["Name"] == "tag-key":
        return not tags.keys().isdisjoint(wanted)
    return tags.get(str(condition["Name"]).removeprefix("tag:")) in wanted
