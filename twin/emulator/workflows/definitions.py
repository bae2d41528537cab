# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""State machine definitions in YAML, which CloudFormation accepts (`DefinitionUri: x.asl.yaml`)."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners
from twin.emulator.pinned import require


def install() -> None:
    """Turn what a template gives into JSON before it is stored."""
    require(holds=callable(provisioners._sfn_definition), fix="YAML definitions")
    require(holds=callable(stepfunctions._create_state_machine), fix="YAML definitions")
    original = provisioners._sfn_definition

    def definition(properties: dict[str, Any]) -> str:
        return as_json(original(properties))

    provisioners._sfn_definition = definition


def as_json(text: str) -> str:
    """The definition as JSON; a text that is neither JSON nor YAML is returned as it is."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        parsed = yaml.safe_load(text)
        return json.dumps(parsed) if isinstance(parsed, dict) else text
    return text
