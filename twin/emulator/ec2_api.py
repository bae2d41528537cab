# ruff: noqa: SLF001 - ministack's private names are what these fixes change
"""What the EC2 fixes share: ministack's action table, parameters, errors and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from ministack.services import ec2

from twin.emulator.pinned import require

Parameters: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Handler: TypeAlias = Callable[[Parameters], Answer]
OK = 200
# States in which an instance still holds its subnet, groups and address.
LIVE = ("pending", "running", "stopping", "stopped")


def around(action: str, wrapper: Callable[[Handler, Parameters], Answer]) -> None:
    """Let `wrapper(original, parameters)` answer this action."""
    require(holds=action in ec2._ACTION_MAP, fix=f"EC2 {action}")
    original: Handler = ec2._ACTION_MAP[action]
    ec2._ACTION_MAP[action] = lambda parameters: wrapper(original, parameters)


def added(action: str, handler: Handler) -> None:
    """Answer an action that ministack lacks."""
    require(holds=action not in ec2._ACTION_MAP, fix=f"EC2 {action}")
    ec2._ACTION_MAP[action] = handler


def value(parameters: Parameters, name: str) -> str:
    """The parameter's only value, or an empty string."""
    return str(ec2._p(parameters, name))


def members(parameters: Parameters, prefix: str) -> list[str]:
    """The values of prefix.1, prefix.2, ..."""
    return list(ec2._parse_member_list(parameters, prefix))


def filters(parameters: Parameters) -> dict[str, list[str]]:
    """The call's Filters: name -> accepted values."""
    return dict(ec2._parse_filters(parameters))


def error(code: str, message: str, status: int = 400) -> Answer:
    """AWS's EC2 error document."""
    return tuple(ec2._error(code, escape(message), status))


def answer(name: str, inner: str) -> Answer:
    """AWS's EC2 answer `<nameResponse>` around `inner`."""
    return tuple(ec2._xml(OK, f"{name}Response", inner))


def live_instances() -> Iterable[dict[str, Any]]:
    return [each for each in ec2._instances.values() if each["State"]["Name"] in LIVE]
