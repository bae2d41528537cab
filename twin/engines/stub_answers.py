"""What the stub engine says: deterministic, of the asked length, and openly a stub's."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import struct
from dataclasses import dataclass
from typing import Any

MAX_MODEL_LEN = 4096
DIMENSIONS = 64
_DEFAULT_TOKENS = 64
_QUOTED = 80  # characters of the prompt that an answer repeats


class BadRequest(ValueError):
    """The body is no request of this API."""


class UnknownModel(LookupError):
    """The request names another model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """tokens: pieces of text that join to the answer; prompt_tokens: of the request."""

    tokens: list[str]
    prompt_tokens: int
    finish_reason: str

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": len(self.tokens),
            "total_tokens": self.prompt_tokens + len(self.tokens),
        }


def tokenize(text: str) -> list[str]:
    """Words with the space before them: joining gives the text back."""
    return re.findall(r"\s*\S+|\s+$", text)


def answer(model: str, prompt: str, limit: int | None) -> Answer:
    """The stub's answer to a prompt, of at most `limit` tokens; raise BadRequest when too long."""
    asked = len(tokenize(prompt))
    if asked > MAX_MODEL_LEN:
        raise BadRequest(
            f"This model's maximum context length is {MAX_MODEL_LEN} tokens. However, your request"
            f" has {asked} input tokens."
        )
    said = " ".join(prompt.split())[-_QUOTED:]
    text = (
        f"This is Lamplighter's stub engine in place of {model}: no model ran, but the whole way"
        f' to it did. The request ended with: "{said}"'
    )
    tokens = tokenize(text)
    room = _DEFAULT_TOKENS if limit is None else limit
    return Answer(tokens[:room], asked, "stop" if len(tokens) <= room else "length")


def chat_prompt(request: dict[str, Any]) -> str:
    """The messages of a chat request as one text; raise BadRequest when there are none."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages: a list of at least one message is required")
    return "\n".join(itertools.chain.from_iterable(_parts(each) for each in messages))


def _parts(message: Any) -> list[str]:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return [str(part.get("text", "")) for part in content if isinstance(part, dict)]
    return [str(content or "")]


def limit_of(request: dict[str, Any]) -> int | None:
    """max_completion_tokens, or max_tokens; raise BadRequest unless it is a positive number."""
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit is None:
        return None
    if not isinstance(limit, int) or limit < 1:
        raise BadRequest("max_tokens must be at least 1")
    return limit


def embedding(text: str, *, encoded: bool) -> list[float] | str:
    """A unit vector made of the text's hash; encoded: little-endian float32 in base64."""
    digest = hashlib.shake_256(text.encode()).digest(DIMENSIONS)
    raw = [byte / 127.5 - 1 for byte in digest]
    length = sum(value * value for value in raw) ** 0.5
    vector = [value / length for value in raw]
    if encoded:
        return base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode()
    return vector
