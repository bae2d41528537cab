"""What can go wrong, and the exit code that says so (the table is part of `lamplighter --help`).

LamplighterError
├── WorkflowFailed      1   the workflow ended, and not well
├── BadSpec             2   the specification cannot be read, or the workflow refuses it
├── WrongUsage          2   the command line lacks something that only now turned out to be needed
├── UnknownDeployment   3   no deployment has this name
├── UnknownKey          3   the deployment has no API key of this id
├── UnknownIncident     3   the deployment has no incident of this id
├── Conflict            4   refused: there already but different, locked, or not ours
├── Unavailable         5   AWS is not reachable, not allowed, or Lamplighter is not installed there
└── Interrupted       130   Ctrl-C, or a no to a question; a workflow that was watched goes on
"""

from __future__ import annotations

import json
from collections.abc import Collection
from difflib import get_close_matches
from typing import Self

EXIT_CODES = """\b
Exit codes:
  0    done
  1    the workflow failed
  2    wrong usage, or a wrong specification
  3    no such deployment, key or incident
  4    refused: there already but different, locked, or not ours
  5    AWS is not reachable or not allowed, or Lamplighter is not installed
  130  interrupted, or the answer was no (a running workflow goes on)
  141  the reader of our output went away
"""


class LamplighterError(Exception):
    """One sentence for the operator; `name` is the workflow's error name, where there is one."""

    exit_code = 1

    def __init__(self, sentence: str, *, name: str = "", execution: str = "") -> None:
        super().__init__(sentence)
        self.name = name or type(self).__name__
        self.execution = execution


class WorkflowFailed(LamplighterError):
    """A workflow failed, timed out or was stopped."""


class BadSpec(LamplighterError):
    """The specification is not a document we can pass on, or the workflow refused it."""

    exit_code = 2


class WrongUsage(LamplighterError):
    """The command line lacks something, such as --yes."""

    exit_code = 2


class UnknownDeployment(LamplighterError):
    """The ledger does not know this name."""

    exit_code = 3

    @classmethod
    def named(cls, name: str, known: Collection[str]) -> Self:
        """Return the error with the names that exist, the nearest first."""
        return cls(f"there is no deployment {name!r} ({_listed(name, known)})")


class UnknownKey(LamplighterError):
    """The deployment has no API key of this id."""

    exit_code = 3

    @classmethod
    def named(cls, key_id: str, deployment: str, known: Collection[str]) -> Self:
        """Return the error with the keys that exist, the nearest first."""
        return cls(f"{deployment} has no key {key_id!r} ({_listed(key_id, known)})")


class UnknownIncident(LamplighterError):
    """The deployment has no incident of this id."""

    exit_code = 3


class Conflict(LamplighterError):
    """Refused: what exists already conflicts with the request."""

    exit_code = 4


class Unavailable(LamplighterError):
    """AWS, our permissions there, or the installation is missing."""

    exit_code = 5


class Interrupted(LamplighterError):
    """The operator pressed Ctrl-C, or answered a question with no."""

    exit_code = 130


_BY_NAME: dict[str, type[LamplighterError]] = {
    "InvalidRequest": BadSpec,
    "NotFound": UnknownDeployment,
    "DeploymentExists": Conflict,
    "LockHeld": Conflict,
    "ResourceConflict": Conflict,
    "Blocked": Conflict,
}


def failure(name: str, cause: str, execution: str = "") -> LamplighterError:
    """Return the error of a failed workflow or function: its class carries the exit code.

    name: the workflow's error name. cause: a sentence, or a Lambda's error document as JSON
    (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html).
    """
    name, sentence = unwrapped(name, cause)
    kind = _BY_NAME.get(name, WorkflowFailed)
    return kind(sentence or "no cause was given", name=name, execution=execution)


def _listed(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=len(known) or 1, cutoff=0.0)
    return f"known: {', '.join(near)}" if near else "there are none yet"


def unwrapped(name: str, cause: str) -> tuple[str, str]:
    """Return the name and sentence inside a Lambda's error document, or the two unchanged."""
    try:
        document = json.loads(cause)
    except ValueError:
        return name, cause
    if not isinstance(document, dict) or "errorMessage" not in document:
        return name, cause
    return str(document.get("errorType") or name), str(document["errorMessage"])
