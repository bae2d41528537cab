"""What AWS does not show may be gone, or too young to be visible.

A row's age decides which, and only the young is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.error_codes import tolerating
from orchestrator.aws.translation import translate
from orchestrator.errors import Pending, Refused
from orchestrator.ledger.store import Ledger

Described = TypeVar("Described")


@dataclass(frozen=True, slots=True)
class ById:
    """How one kind is asked for by its id, as its tags may have been removed.

    describe: returns what AWS shows of it; gone: AWS's code for an id that does not exist.
    """

    describe: Callable[[str], Sequence[object]]
    gone: str

    def shows(self, identifier: str) -> bool:
        with tolerating(self.gone):
            return bool(self.describe(identifier))
        return False


def settled(ledger: Ledger, role: str) -> None:
    """Raise Pending while something of `role` may exist that AWS does not show yet."""
    row = ledger.resource(role)
    if row and row.state == "intent" and ledger.is_young(row):
        raise Pending(
            f"{role}: may have been created a moment ago; waiting until it would be visible"
        )


def wait_until_visible(ledger: Ledger, role: str) -> None:
    """Raise Pending while what was not found under its name may be too young to be visible."""
    row = ledger.resource(role)
    if row and ledger.is_young(row):
        raise Pending(f"{role}: may have been created a moment ago, not visible yet")


def the(described: Iterable[Described], ledger: Ledger, role: str) -> Described:
    """Return what AWS described by its id.

    An empty answer is Pending while it may just not be visible, Refused afterwards.
    """
    for found in described:
        return found
    row = ledger.resource(role)
    what = f"{role} {row.id or '' if row else ''}".rstrip()
    if row and ledger.is_young(row):
        raise Pending(f"{what}: created a moment ago, not visible yet")
    raise Refused(
        f"{what}: AWS does not know it any more, it was removed outside Lamplighter; start again, "
        "`up` makes what is missing"
    )


@contextmanager
def translated(ledger: Ledger) -> Iterator[None]:
    """Turn AWS's errors into ours."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, young=_has_young(ledger)) from error


def _has_young(ledger: Ledger) -> bool:
    """Return whether anything of the deployment was created or changed a moment ago."""
    return any(ledger.is_young(row) for row in ledger.resources())
