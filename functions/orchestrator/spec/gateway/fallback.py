"""Another endpoint that answers while the engine cannot."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.spec import hints
from orchestrator.spec.patterns import HEADER_NAME, HOST_NAME, NAME_OF_MODEL, PARAMETER
from orchestrator.spec.schema.fields import option


@dataclass(frozen=True, slots=True)
class Fallback:
    """Its key is read by the host, and shown to this URL only."""

    url: str = option(
        about="https URL of an OpenAI-compatible API",
        type="string",
        pattern=rf"https://{HOST_NAME}(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?",
        maxLength=500,
        examples=["https://llm.example.com/v1"],
    )
    model: str | None = option(
        None,
        about="what the model is called there; null: as here",
        type=["string", "null"],
        pattern=NAME_OF_MODEL,
        examples=["gpt-4o-mini"],
    )
    key_parameter: str | None = option(
        None,
        about="SSM SecureString with its key, under /inference/ or /lamplighter/NAME/",
        hint=hints.parameter,
        secret=True,
        type=["string", "null"],
        pattern=PARAMETER,
        maxLength=500,
        examples=["/inference/llm-key"],
    )
    headers: tuple[tuple[str, str], ...] = option(
        {},
        about="headers that each request to it gets; no secrets",
        type="object",
        propertyNames={"type": "string", "pattern": HEADER_NAME, "examples": ["x-team"]},
        additionalProperties={"type": "string", "pattern": r"[ -~]{0,1000}", "examples": ["blue"]},
        maxProperties=20,
        examples=[{"x-team": "blue"}],
    )
