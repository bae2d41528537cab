# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""CloudFormation accepts AWS::Logs::QueryDefinition: a saved query of CloudWatch Logs Insights.

ministack has no console in which to run one, so nothing is kept.
"""

from __future__ import annotations

import uuid
from typing import Any, TypeAlias

from ministack.services.cloudformation import provisioners
from twin.emulator.pinned import require

_TYPE = "AWS::Logs::QueryDefinition"
Properties: TypeAlias = dict[str, Any]
Made: TypeAlias = tuple[str, dict[str, str]]


def install() -> None:
    known = provisioners._RESOURCE_HANDLERS
    require(holds=_TYPE not in known and "AWS::Logs::LogGroup" in known, fix="saved queries")
    known[_TYPE] = {"create": _create, "update": _update, "delete": _delete}


def _create(_logical_id: str, properties: Properties, _stack: str) -> Made:
    """CloudFormation refuses one without its two required properties."""
    for name in ("Name", "QueryString"):
        if not properties.get(name):
            raise ValueError(f"{_TYPE} requires {name}")
    identifier = str(uuid.uuid4())
    return identifier, {"QueryDefinitionId": identifier}


def _update(identifier: str, _old: Properties, _new: Properties, _stack: str) -> Made:
    return identifier, {"QueryDefinitionId": identifier}


def _delete(_identifier: str, _properties: Properties) -> None:
    """Nothing was kept."""
