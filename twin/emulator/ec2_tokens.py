# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""ClientToken: the same token and parameters give the same resource, other parameters a refusal.

Kept in memory: a token is forgotten when the emulator restarts (AWS keeps it for at least a day).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from twin.emulator.ec2_api import (
    LIVE,
    OK,
    Answer,
    Handler,
    Parameters,
    answer,
    around,
    error,
    value,
)

_ACTIONS = ("RunInstances", "CreateNatGateway", "CreateRouteTable")


def install() -> None:
    """Remember (account, region, action, token) -> parameters and answer."""
    for action in _ACTIONS:
        around(action, _idempotent(action))


def _idempotent(action: str) -> Callable[[Handler, Parameters], Answer]:
    seen: dict[tuple[str, str, str], tuple[str, Answer, set[str]]] = {}

    def call(original: Handler, parameters: Parameters) -> Answer:
        token = value(parameters, "ClientToken")
        if not token:
            return original(parameters)
        key = (get_account_id(), get_region(), token)
        if key in seen:
            return _replay(action, parameters, *seen[key])
        before = set(ec2._instances)
        first = original(parameters)
        if first[0] == OK:
            seen[key] = (_signature(parameters), first, set(ec2._instances) - before)
        return first

    return call


def _signature(parameters: Parameters) -> str:
    kept = {name: each for name, each in parameters.items() if name != "DryRun"}
    return json.dumps(kept, sort_keys=True)


def _replay(
    action: str, parameters: Parameters, signature: str, first: Answer, instances: set[str]
) -> Answer:
    """The first answer with today's state; AWS refuses when the instance has been terminated."""
    if _signature(parameters) != signature:
        return error(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in"
            " previous request(s).",
        )
    if action != "RunInstances":
        return first
    records = [ec2._instances[each] for each in instances if each in ec2._instances]
    if not records or any(each["State"]["Name"] not in LIVE for each in records):
        return error(
            "IdempotentInstanceTerminated",
            "The client token belongs to a request whose instance has been terminated.",
        )
    items = "".join(ec2._instance_xml(each) for each in records)
    owner = f"<reservationId>r-replayed</reservationId><ownerId>{get_account_id()}</ownerId>"
    return answer("RunInstances", f"<instancesSet>{items}</instancesSet>{owner}<groupSet/>")
