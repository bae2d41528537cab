"""Requests for a long answer and a short one, in each of the ways in which vLLM takes them."""

from __future__ import annotations

from typing import Any

SAID = [{"role": "user", "content": "what is the capital of france"}]
LONG = 8000  # tokens: some 20 s of one stream

# A message cannot be told to ignore its end: a list that must have so many words has none.
_WORDS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["words"],
    "properties": {
        "words": {"type": "array", "minItems": 2000, "items": {"enum": ["the", "model"]}}
    },
}

LONG_ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": SAID, "max_tokens": LONG, "ignore_eos": True},
    "/v1/completions": {"prompt": "the", "max_tokens": LONG, "ignore_eos": True},
    "/v1/responses": {"input": "the", "max_output_tokens": LONG, "ignore_eos": True},
    "/v1/messages": {
        "messages": SAID,
        "max_tokens": LONG,
        "output_config": {"format": {"type": "json_schema", "schema": _WORDS}},
    },
}


def long_answer(path: str, **more: Any) -> dict[str, Any]:
    return {"model": "tiny", **LONG_ANSWERS[path], **more}


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": SAID, "max_tokens": 8, "ignore_eos": True, **more}
