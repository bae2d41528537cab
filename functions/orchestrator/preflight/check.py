"""One thing that was looked at before anything is created, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import ACCESS_DENIED, DENIED, code

_NOT_ALLOWED = (DENIED, ACCESS_DENIED, "AccessDenied")
_ACTION = re.compile(r"perform: ([\w-]+:\w+)")


class Result(StrEnum):
    """unknown: it could not be looked at; that is never taken for a pass."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """name: of the specification's key or of the quota. found, needed: measured values, in words.

    remedy: what to do about any result but pass.
    """

    name: str
    result: Result
    found: str
    needed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        needed = f"needed: {self.needed}" if self.needed else ""
        return f"{self.name}: {'; '.join(filter(None, (self.found, needed, self.remedy)))}"

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "result": str(self.result)}


def failed(problem: str) -> Check:
    """Return the check of a sentence `key: what is wrong; what to do`."""
    name, _, text = problem.partition(": ")
    found, _, remedy = text.partition("; ")
    return Check(name, Result.FAIL, found, remedy=remedy)


def judged(name: str, passed: str, problems: Iterable[str]) -> list[Check]:
    """Return a failed check per problem; without one, a check that passed, with what was found."""
    return [failed(each) for each in problems] or [Check(name, Result.PASS, passed)]


def looked(name: str, look: Callable[[], list[Check]]) -> list[Check]:
    """Return what `look` finds; where AWS does not let us look, that it is unknown."""
    try:
        return look()
    except ClientError as error:
        if code(error) not in _NOT_ALLOWED:
            raise
        action = _ACTION.search(str(error))
        missing = action[1] if action else error.operation_name
        remedy = f"allow {missing} to Lamplighter's plan function (or in the organisation's policy)"
        return [Check(name, Result.UNKNOWN, f"AWS does not allow {missing}", remedy=remedy)]
