# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""`Ref` of an AWS::IAM::InstanceProfile is its name, as on AWS; ministack gives its ARN."""

from __future__ import annotations

from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from twin.emulator.pinned import require

_TYPE = "AWS::IAM::InstanceProfile"


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    require(holds={"create", "update", "delete"} <= set(handlers), fix="Ref of instance profiles")
    create, update, delete = (handlers[each] for each in ("create", "update", "delete"))

    def updated(name: str, *rest: Any, **more: Any) -> Any:
        return _named(update(_arn(name), *rest, **more))

    handlers["create"] = lambda *given, **more: _named(create(*given, **more))
    handlers["update"] = updated
    handlers["delete"] = lambda name, properties: delete(_arn(name), properties)


def _arn(name: str) -> str:
    return str(iam._instance_profiles.get(name, {}).get("Arn", name))


def _named(made: Any) -> Any:
    """(physical id, attributes, ...) with the name in the place of the ARN."""
    return made[0].rpartition("/")[2], *made[1:]
