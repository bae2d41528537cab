"""The tags of what is deleted go with it; moto's DescribeTags lists them for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends

from awssim.clients import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

# Instances and NAT gateways are left out: EC2 shows them, with their tags, for an hour.
_DELETES = {
    "DeleteInternetGateway": "InternetGatewayId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteSubnet": "SubnetId",
    "DeleteVpc": "VpcId",
    "ReleaseAddress": "AllocationId",
}


class DeletedTags:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {f"ec2.{name}": _delete for name in _DELETES}


def _delete(request: Request, proceed: Proceed) -> Response:
    response = proceed(request)
    deleted = request.parameters[_DELETES[request.operation]]
    ec2_backends[ACCOUNT_ID][REGION].tags.pop(deleted, None)
    return response
