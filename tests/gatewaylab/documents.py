"""Random bodies for one reader of JSON to be compared with another: odd ones and broken ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

Choice = TypeVar("Choice")

NAMES = (
    "model", "stream", "max_tokens", "n", "best_of", "max_completion_tokens",
    "stream_options",
)  # fmt: skip
_SPACES = (" ", "\n", "\t\r")
_LETTERS = (
    "a", '\\"model\\"', "\\\\", '\\"', "\\u00e9", "\u00e9", "\\ud83d\\ude00", "\U0001f600", "[",
    "{", "]", "}", ",", ":", "\\n", "/", ";base64,", "model",
)  # fmt: skip
_OPTIONS = (
    "null", "{}", '{"include_usage":true}', '{ "include_usage" : false, "x":1}',
    '{"continuous_usage_stats":true}', '{"a":{"include_usage":true},"b":[1,"}"]}',
)  # fmt: skip
_GOOD = {
    "model": ("null", '"gpt"', '"g\\u0070t"', '"tiny"'),
    "stream": ("true", "true", "false", "null"),
    "n": ("1", "1.0", "2", "99"),
    "stream_options": _OPTIONS,
}


class Documents:
    """Documents of `chance`; `long`: from how many bytes on a reader may cut a string."""

    def __init__(self, chance: random.Random, long: int) -> None:
        self._chance = chance
        self._long = long

    def body(self) -> bytes:
        count = self._one(0, 1, 3, 6)
        fields = ",".join(self._field() for _ in range(count))
        body = f"{self._space()}{{{fields}}}{self._space()}".encode()
        return self._broken(body) if self._chance.random() < 0.35 else body

    def parts(self, body: bytes) -> list[bytes]:
        """Cut a body into parts of any size."""
        size, parts = self._one(1, 2, 7, 31, 300, 5000), []
        while body:
            cut = max(1, int(size * (0.5 + self._chance.random())))
            parts.append(body[:cut])
            body = body[cut:]
        return parts

    def _one(self, *choices: Choice) -> Choice:
        return self._chance.choice(choices)

    def _space(self) -> str:
        if self._chance.random() < 0.8:
            return ""
        return self._one(*_SPACES) * self._one(1, 3, self._long + 20)

    def _string(self) -> str:
        long = self._chance.random() < 0.15
        count = self._one(self._long, 2 * self._long) if long else self._one(0, 1, 3, 8)
        return '"' + "".join(self._one(*_LETTERS) for _ in range(count)) + '"'

    def _number(self) -> str:
        return self._one("0", "-1", "10", "1.5", "1e9", "-0.0", "9" * self._one(1, 30, 400))

    def _value(self, depth: int) -> str:
        kind = self._chance.random()
        if depth <= 0 or kind < 0.4:
            return self._one(self._string(), self._number(), "true", "null")
        count, value = self._one(0, 1, 2, 4), self._value
        if kind < 0.7:
            return "[" + self._joined(count, lambda: value(depth - 1)) + "]"
        return "{" + self._joined(count, lambda: self._pair(self._key(), value(depth - 1))) + "}"

    def _joined(self, count: int, make: Callable[[], str]) -> str:
        return ",".join(self._space() + make() + self._space() for _ in range(count))

    def _pair(self, key: str, value: str) -> str:
        return f"{key}{self._space()}:{self._space()}{value}"

    def _key(self) -> str:
        if self._chance.random() < 0.3:
            return self._spelled(self._one(*NAMES, "include_usage"))
        return self._string()

    def _spelled(self, name: str) -> str:
        if self._chance.random() < 0.8:
            return f'"{name}"'
        spelled = (f"\\u{ord(c):04x}" if self._chance.random() < 0.3 else c for c in name)
        return '"' + "".join(spelled) + '"'

    def _field(self) -> str:
        if self._chance.random() < 0.4:
            return self._pair(self._key(), self._value(self._one(1, 3, 5, 8)))
        name = self._one(*NAMES)
        good = self._one(*_GOOD.get(name, ("5", "null", "12")))
        value = good if self._chance.random() < 0.9 else self._value(2)
        return self._pair(self._spelled(name), value)

    def _broken(self, body: bytes) -> bytes:
        spoiled = bytearray(body)
        at = self._chance.randrange(len(spoiled))
        match self._one("drop", "change", "insert", "end"):
            case "drop":
                del spoiled[at]
            case "change":
                spoiled[at] = self._chance.choice(b'[]{},:"\\ 0a\xff\xc3\x01')
            case "insert":
                spoiled.insert(at, self._chance.choice(b'[]{},:"\\ 0a\xc3'))
            case _:
                del spoiled[at:]
        return bytes(spoiled)
