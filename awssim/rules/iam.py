"""Moto dies with a ValueError where IAM answers NoSuchEntity, and lacks AWS's own policies.

All 1,300 of those cost a second and 45 MB: one is there once it is named.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_OURS = ":iam::aws:policy/"


class Iam:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {
            "iam.RemoveRoleFromInstanceProfile": self._remove_role,
            "iam.AttachRolePolicy": self._with_policy,
            "iam.GetPolicy": self._with_policy,
            "iam.GetPolicyVersion": self._with_policy,
        }

    def _remove_role(self, request: Request, proceed: Proceed) -> Response:
        try:
            return proceed(request)
        except ValueError:
            role = request.parameters["RoleName"]
            request.refuse(
                "NoSuchEntity", f"The role {role} is not in the instance profile.", status=404
            )

    def _with_policy(self, request: Request, proceed: Proceed) -> Response:
        arn: str = request.parameters["PolicyArn"]
        name = arn.rpartition("/")[2]
        if _OURS in arn and name in _aws_policies():
            _add(name)
        return proceed(request)


def _add(name: str) -> None:
    for regions in iam_backends.values():
        for region, backend in regions.items():
            made = AWSManagedPolicy.from_data(
                name, backend.account_id, region, _aws_policies()[name]
            )
            backend.managed_policies.setdefault(made.arn, made)


@cache
def _aws_policies() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(aws_managed_policies_data)
    return found
