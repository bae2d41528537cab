"""Moto dies where IAM answers NoSuchEntity, wants a version of each policy, lacks AWS's own, takes
a permissions boundary that does not exist, and runs an instance with a profile that has no role.

A policy may leave its version out:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
All 1,300 of AWS's own cost a second and 45 MB: one is there once it is named.
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
            "iam.CreatePolicy": self._with_version,
            "iam.CreatePolicyVersion": self._with_version,
            "iam.PutRolePolicy": self._with_version,
            "iam.CreateRole": self._bounded,
            "iam.PutRolePermissionsBoundary": self._bounded,
            "ec2.RunInstances": self._run,
        }

    def _remove_role(self, request: Request, proceed: Proceed) -> Response:
        try:
            return proceed(request)
        except ValueError:
            role = request.parameters["RoleName"]
            request.refuse(
                "NoSuchEntity", f"The role {role} is not in the instance profile.", status=404
            )

    def _bounded(self, request: Request, proceed: Proceed) -> Response:
        arn = request.parameters.get("PermissionsBoundary")
        known = {each["Arn"] for each in request.ask("ListPolicies", Scope="Local")["Policies"]}
        if arn is not None and arn not in known:
            text = f"Scope ARN: {arn} does not exist or is not attachable."
            request.refuse("NoSuchEntity", text, status=404)
        return proceed(request)

    def _run(self, request: Request, proceed: Proceed) -> Response:
        name = request.parameters.get("IamInstanceProfile", {}).get("Name")
        if name is not None:
            found = request.ask_service("iam", "ListInstanceProfiles")["InstanceProfiles"]
            for profile in (each for each in found if each["InstanceProfileName"] == name):
                if not profile["Roles"]:
                    text = f'IAM Instance Profile "{profile["Arn"]}" has no associated IAM Roles'
                    request.refuse("InvalidParameterValue", text)
        return proceed(request)

    def _with_policy(self, request: Request, proceed: Proceed) -> Response:
        arn: str = request.parameters["PolicyArn"]
        name = arn.rpartition("/")[2]
        if _OURS in arn and name in _aws_policies():
            _add(name)
        return proceed(request)

    def _with_version(self, request: Request, proceed: Proceed) -> Response:
        document = json.loads(request.parameters["PolicyDocument"])
        if "Version" in document:
            return proceed(request)
        versioned = json.dumps({"Version": "2012-10-17", **document})
        return proceed(request.changed(PolicyDocument=versioned))


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
