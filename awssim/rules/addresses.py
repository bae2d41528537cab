"""Public addresses: what holds an Elastic IP keeps it until it is gone, and has no other.

Only a running instance can take one; one that is off has none of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.instances import Instances
    from awssim.rules.nat_gateways import NatGateways


_ON = ("pending", "running")


class Addresses:
    def __init__(self, instances: Instances, nat_gateways: NatGateways) -> None:
        self._instances = instances
        self._nat_gateways = nat_gateways
        self._given_up: set[str] = set()
        self.rules: Mapping[str, Rule] = {
            "ec2.AssociateAddress": self._associate,
            "ec2.DisassociateAddress": self._up_to_date,
            "ec2.DescribeAddresses": self._up_to_date,
            "ec2.DescribeInstances": self._describe_instances,
            "ec2.ReleaseAddress": self._release,
            "ec2.CreateNatGateway": self._up_to_date,
        }

    def _up_to_date(self, request: Request, proceed: Proceed) -> Response:
        self._free_what_the_dead_hold(request)
        return proceed(request)

    def _associate(self, request: Request, proceed: Proceed) -> Response:
        self._free_what_the_dead_hold(request)
        instance = request.parameters.get("InstanceId")
        if instance and self._instances.state(instance) != "running":
            state = self._instances.state(instance)
            request.refuse(
                "InvalidInstanceID",
                f"The {state} instance '{instance}' is not in a valid state for this operation.",
            )
        address = _address(request)
        taken = address.get("AssociationId") and address.get("InstanceId") != instance
        if taken and not request.parameters.get("AllowReassociation"):
            request.refuse("Resource.AlreadyAssociated", f"{address['PublicIp']} is in use")
        response = proceed(request)
        if instance:
            self._given_up.add(instance)
        return response

    def _describe_instances(self, request: Request, proceed: Proceed) -> Response:
        """Moto leaves an instance the address that it had before, or once held."""
        response = proceed(request)
        held = {
            address["InstanceId"]: address["PublicIp"]
            for address in request.ask("DescribeAddresses")["Addresses"]
            if address.get("InstanceId")
        }
        for reservation in response["Reservations"]:
            for instance in reservation["Instances"]:
                self._set_address(instance, held.get(instance["InstanceId"]))
        return response

    def _set_address(self, instance: dict[str, Any], held: str | None) -> None:
        is_on = instance["State"]["Name"] in _ON
        if held:
            instance["PublicIpAddress"] = held
        elif instance["InstanceId"] in self._given_up or not is_on:
            instance.pop("PublicIpAddress", None)
            instance["PublicDnsName"] = ""

    def _release(self, request: Request, proceed: Proceed) -> Response:
        self._free_what_the_dead_hold(request)
        address = _address(request)
        if address.get("AssociationId"):
            request.refuse("InvalidIPAddress.InUse", f"Address {address['PublicIp']} is in use.")
        return proceed(request)

    def _free_what_the_dead_hold(self, request: Request) -> None:
        """Moto leaves addresses with terminated instances and deleted NAT gateways."""
        for address in request.ask("DescribeAddresses")["Addresses"]:
            if address.get("AssociationId") and not self._is_held(request, address):
                request.ask("DisassociateAddress", AssociationId=address["AssociationId"])

    def _is_held(self, request: Request, address: dict[str, Any]) -> bool:
        if instance := address.get("InstanceId"):
            return self._instances.state(instance) != "terminated"
        return any(
            held["NetworkInterfaceId"] == address.get("NetworkInterfaceId")
            for gateway in self._nat_gateways.live(request)
            for held in gateway["NatGatewayAddresses"]
        )


def _address(request: Request) -> dict[str, Any]:
    """The address a request is about; moto refuses an unknown one with AWS's code."""
    keys = {"AllocationId": "AllocationIds", "PublicIp": "PublicIps"}
    wanted = {
        many: [request.parameters[one]] for one, many in keys.items() if one in request.parameters
    }
    found: list[dict[str, Any]] = request.ask("DescribeAddresses", **wanted)["Addresses"]
    return found[0]
