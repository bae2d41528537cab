"""A group is made in a network that exists, and a rule between groups has no description.

Moto makes a group anywhere, and compares the descriptions of a rule that is revoked; see "you do
not need to specify the description" in
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_PAIRS = "UserIdGroupPairs"
_CHANGES = ("Authorize", "Revoke")


class SecurityGroups:
    def __init__(self) -> None:
        changes: dict[str, Rule] = {
            f"ec2.{verb}SecurityGroup{way}": _undescribed
            for verb in _CHANGES
            for way in ("Ingress", "Egress")
        }
        self.rules: Mapping[str, Rule] = {**changes, "ec2.CreateSecurityGroup": _create}


def _create(request: Request, proceed: Proceed) -> Response:
    vpc = request.parameters.get("VpcId")
    if vpc and vpc not in {each["VpcId"] for each in request.ask("DescribeVpcs")["Vpcs"]}:
        request.refuse("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    return proceed(request)


def _undescribed(request: Request, proceed: Proceed) -> Response:
    permissions = request.parameters.get("IpPermissions", [])
    return proceed(request.changed(IpPermissions=[_permission(each) for each in permissions]))


def _permission(permission: dict[str, Any]) -> dict[str, Any]:
    if _PAIRS not in permission:
        return permission
    pairs = [{k: v for k, v in p.items() if k != "Description"} for p in permission[_PAIRS]]
    return {**permission, _PAIRS: pairs}
