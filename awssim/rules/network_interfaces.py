"""Network interfaces go with the instance or NAT gateway that had them; moto keeps some.

An instance's groups are those of its interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule
    from awssim.rules.instances import Instances
    from awssim.rules.nat_gateways import NatGateways


class NetworkInterfaces:
    def __init__(self, instances: Instances, nat_gateways: NatGateways) -> None:
        self._instances = instances
        self._nat_gateways = nat_gateways
        self.rules: Mapping[str, Rule] = {
            "ec2.DescribeNetworkInterfaces": self._describe,
            "ec2.ModifyInstanceAttribute": self._modify_instance,
        }

    def _describe(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        orphans = self._nat_gateways.former_interfaces(request)
        response["NetworkInterfaces"] = [
            interface
            for interface in response["NetworkInterfaces"]
            if interface["NetworkInterfaceId"] not in orphans
            and self._has_owner(interface.get("Attachment", {}).get("InstanceId"))
        ]
        return response

    def _modify_instance(self, request: Request, proceed: Proceed) -> Response:
        """The groups of an instance are those of its interface; moto adds the new to the old."""
        groups = request.parameters.get("Groups")
        if groups is None:
            return proceed(request)
        found = request.ask("DescribeInstances", InstanceIds=[request.parameters["InstanceId"]])
        [instance] = found["Reservations"][0]["Instances"]
        interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
        return request.ask(
            "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, Groups=groups
        )

    def _has_owner(self, instance_id: str | None) -> bool:
        return instance_id is None or self._instances.state(instance_id) != "terminated"
