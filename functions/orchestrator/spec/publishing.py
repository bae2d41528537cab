"""The specification's JSON Schema, for editors: `make schema` writes spec.schema.json."""

from __future__ import annotations

from typing import Any

from orchestrator.spec.deployment import Deployment
from orchestrator.spec.rules import RULES
from orchestrator.spec.schema.describing import describe


def schema() -> dict[str, Any]:
    """Return the specification's JSON Schema (what spec.schema.json holds)."""
    unchecked = [rule.about for rule in RULES if rule.schema is None]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lamplighter:deployment",
        "title": "Lamplighter deployment specification",
        "description": "What `lamplighter up` takes, as YAML or JSON. "
        f"What a JSON Schema cannot say, the workflow checks: {'; '.join(unchecked)}.",
        **describe(Deployment),
        "allOf": [rule.schema for rule in RULES if rule.schema is not None],
    }
