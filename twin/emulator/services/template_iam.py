# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""CloudFormation makes a template's roles, policies and instance profiles in the strict AWS.

So there is one IAM: what a step passes to RunInstances may be the template's. Another type of IAM
resource in a template is refused, as a type that CloudFormation does not know.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from ministack.services.cloudformation import provisioners
from twin.emulator.pinned import require

Properties: TypeAlias = dict[str, Any]
Made: TypeAlias = tuple[str, dict[str, str]]
_PREFIX = "AWS::IAM::"


def install(iam: Any) -> None:
    """iam: a client of the strict AWS."""
    known = provisioners._RESOURCE_HANDLERS
    makers: dict[str, _Roles | _Policies | _Profiles] = {
        "Role": _Roles(iam),
        "ManagedPolicy": _Policies(iam),
        "InstanceProfile": _Profiles(iam),
    }
    for name in makers:
        require(holds={"create", "update", "delete"} <= set(known[_PREFIX + name]), fix="IAM")
    require(holds=callable(provisioners._physical_name), fix="IAM")
    for kind in [each for each in known if each.startswith(_PREFIX)]:
        del known[kind]
    for name, maker in makers.items():
        known[_PREFIX + name] = {
            "create": maker.create, "update": maker.update, "delete": maker.delete,
        }  # fmt: skip


class _Roles:
    def __init__(self, iam: Any) -> None:
        self._iam = iam

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("RoleName") or provisioners._physical_name(
            stack, logical_id, max_len=64
        )
        role = self._iam.create_role(
            RoleName=name, Path=properties.get("Path", "/"),
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Description=properties.get("Description", ""), Tags=properties.get("Tags", []),
        )["Role"]  # fmt: skip
        self._set_policies(name, properties)
        return name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}

    def update(self, name: str, _old: Properties, new: Properties, _stack: str) -> Made:
        """A new name or path never comes here: CloudFormation replaces the role."""
        trust = json.dumps(new["AssumeRolePolicyDocument"])
        self._iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        self._set_policies(name, new)
        role = self._iam.get_role(RoleName=name)["Role"]
        return name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}

    def delete(self, name: str, _properties: Properties) -> None:
        try:
            self._set_policies(name, {})
            self._iam.delete_role(RoleName=name)
        except self._iam.exceptions.NoSuchEntityException:
            return

    def _set_policies(self, name: str, properties: Properties) -> None:
        """Exactly these inline policies, and exactly these managed ones."""
        inline = {
            each["PolicyName"]: each["PolicyDocument"] for each in properties.get("Policies", [])
        }
        for gone in set(self._iam.list_role_policies(RoleName=name)["PolicyNames"]) - set(inline):
            self._iam.delete_role_policy(RoleName=name, PolicyName=gone)
        for policy, document in inline.items():
            self._iam.put_role_policy(
                RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document)
            )
        wanted = set(properties.get("ManagedPolicyArns", []))
        listed = self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        attached = {each["PolicyArn"] for each in listed}
        for arn in attached - wanted:
            self._iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in wanted - attached:
            self._iam.attach_role_policy(RoleName=name, PolicyArn=arn)


class _Policies:
    """Physical id: the ARN."""

    def __init__(self, iam: Any) -> None:
        self._iam = iam

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("ManagedPolicyName") or provisioners._physical_name(
            stack, logical_id, max_len=128
        )
        arn = self._iam.create_policy(
            PolicyName=name, Path=properties.get("Path", "/"),
            Description=properties.get("Description", ""),
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
        )["Policy"]["Arn"]  # fmt: skip
        return arn, {"PolicyArn": arn}

    def update(self, arn: str, _old: Properties, new: Properties, _stack: str) -> Made:
        before = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = json.dumps(new["PolicyDocument"])
        self._iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        self._iam.delete_policy_version(PolicyArn=arn, VersionId=before)
        return arn, {"PolicyArn": arn}

    def delete(self, arn: str, _properties: Properties) -> None:
        try:
            self._iam.delete_policy(PolicyArn=arn)
        except self._iam.exceptions.NoSuchEntityException:
            return


class _Profiles:
    """Physical id: the name, as on AWS."""

    def __init__(self, iam: Any) -> None:
        self._iam = iam

    def create(self, logical_id: str, properties: Properties, stack: str) -> Made:
        name = properties.get("InstanceProfileName") or provisioners._physical_name(
            stack, logical_id, max_len=128
        )
        profile = self._iam.create_instance_profile(
            InstanceProfileName=name, Path=properties.get("Path", "/")
        )["InstanceProfile"]
        self._set_roles(name, set(properties["Roles"]))
        return name, {"Arn": profile["Arn"]}

    def update(self, name: str, _old: Properties, new: Properties, _stack: str) -> Made:
        self._set_roles(name, set(new["Roles"]))
        profile = self._iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        return name, {"Arn": profile["Arn"]}

    def delete(self, name: str, _properties: Properties) -> None:
        try:
            self._set_roles(name, set())
            self._iam.delete_instance_profile(InstanceProfileName=name)
        except self._iam.exceptions.NoSuchEntityException:
            return

    def _set_roles(self, name: str, wanted: set[str]) -> None:
        profile = self._iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        held = {each["RoleName"] for each in profile["Roles"]}
        for role in held - wanted:
            self._iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
        for role in wanted - held:
            self._iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
