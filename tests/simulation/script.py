"""What functions answer while two interpreters run the same definitions: numbered, not named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# Every fact that an expression of our definitions asks an answer for.
ANSWER: dict[str, Any] = {
    "name": "demo", "todo": "replace", "why": "the instance is gone", "generation": 3,
    "instance_id": "i-1", "error": "Refused", "cause": "it was not to be", "rollback": False,
    "probed_from": "outside", "left": 0, "wait_seconds": 0,
    "beside": False, "drain_first": False, "drain_seconds": 840, "stopped": False,
    "taken_back": True, "replaces": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """fails: number of an invocation, from 0 -> the error that it ends with. first: the error that
    ends the first invocation of each function. facts: what the answers say instead.

    token: how a task that waits for its token ends, time after time: "" with success, "silence"
    without a word, else with this error.
    """

    machine: str
    input: dict[str, Any]
    fails: Mapping[int, str] = field(default_factory=dict)
    first: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    token: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `asdict` and JSON made of one."""
        fails = {int(number): error for number, error in document["fails"].items()}
        return cls(**{**document, "fails": fails, "token": tuple(document["token"])})


class Play:
    """One run of a script. calls: (function, payload) of each invocation."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.calls: list[tuple[str, Any]] = []
        self._tokens = iter(script.token)

    def invoked(self, function: str, payload: Any) -> str:
        """Return the error that this invocation ends with, or nothing."""
        number = len(self.calls)
        is_first = function not in {called for called, _ in self.calls}
        self.calls.append((function, payload))
        return self._script.fails.get(number) or (self._script.first if is_first else "")

    def answer(self) -> dict[str, Any]:
        return {**ANSWER, **self._script.facts}

    def token(self) -> str:
        return next(self._tokens, "")
