"""One request, and the parts that most of them have."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
JSON = "application/json"

Body = dict[str, Any]

_WORDS = (
    "the", "capital", "of", "france", "is", "what", "hello", "world", "model", "a", "\u00e9t\u00e9",
    "\u65e5\u672c", "\U0001f642", "\\", '"', "\n", "42", "data: x",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One request; `kind` is its content type, empty for none."""

    method: str
    path: str
    body: bytes = b""
    kind: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.kind}) {self.body[:600]!r}"


Family = Callable[[random.Random], Call]


def post(path: str, body: Body, **more: Any) -> Call:
    return Call("POST", path, json.dumps({"model": "tiny"} | body | more).encode())


def text(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(1, 12)))


def turns(chance: random.Random) -> list[Body]:
    roles = ["system"] * chance.randint(0, 1) + ["user", "assistant"] * chance.randint(0, 2)
    return [{"role": role, "content": text(chance)} for role in [*roles, "user"]]
