"""A rule between groups is revoked without its description, as EC2 allows; moto compares that too.

Moto never learns the description; see "you do not need to specify the description" in
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
        self.rules: Mapping[str, Rule] = {
            f"ec2.{verb}SecurityGroup{way}": _undescribed
            for verb in _CHANGES
            for way in ("Ingress", "Egress")
        }


def _undescribed(request: Request, proceed: Proceed) -> Response:
    permissions = request.parameters.get("IpPermissions", [])
    return proceed(request.changed(IpPermissions=[_permission(each) for each in permissions]))


def _permission(permission: dict[str, Any]) -> dict[str, Any]:
    if _PAIRS not in permission:
        return permission
    pairs = [{k: v for k, v in p.items() if k != "Description"} for p in permission[_PAIRS]]
    return {**permission, _PAIRS: pairs}
