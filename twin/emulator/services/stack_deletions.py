# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""A resource that cannot be deleted keeps what it depends on, as on AWS; ministack deletes that."""

from __future__ import annotations

from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import stacks
from twin.emulator.pinned import require

_FIX = "stack deletions"


class StillNeeded(Exception):
    """Another resource of the stack depends on this one and could not be deleted."""


def install() -> None:
    for name in ("_delete_resource", "_with_dependencies", "_delete_stack_async"):
        require(holds=callable(getattr(stacks, name)), fix=_FIX)
    require(holds=hasattr(cloudformation, "_stacks"), fix=_FIX)
    stacks._delete_resource = _careful(stacks._delete_resource)


def _careful(original: Any) -> Any:
    def call(kind: str, physical: str, properties: Any, stack: str, logical: str) -> Any:
        if logical in _needed(cloudformation._stacks.get(stack) or {}):
            raise StillNeeded(f"{logical} is needed by a resource that could not be deleted")
        return original(kind, physical, properties, stack, logical)

    return call


def _needed(stack: dict[str, Any]) -> set[str]:
    resources = stack.get("_resources", {})
    failed = [
        name for name, each in resources.items() if each.get("ResourceStatus") == "DELETE_FAILED"
    ]
    definitions = (stack.get("_template") or {}).get("Resources", {})
    return set(stacks._with_dependencies(failed, definitions, set(resources))) - set(failed)
