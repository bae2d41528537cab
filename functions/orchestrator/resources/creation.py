"""Create exactly one of something that AWS lets you create twice.

An intent row is written before the call and the tag is part of the call, so a step that died in
between finds its resource by tag; while a fresh tag may still be invisible, it waits (Pending).
Where AWS takes a ClientToken, the intent holds it: repeating the call is then safe at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from orchestrator import naming
from orchestrator.aws_errors import code
from orchestrator.errors import Pending
from orchestrator.ledger import Ledger, Row
from orchestrator.resources.ownership import Found

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan. action: create | keep."""

    resource: str
    action: str
    what: str
    why: str

    def document(self) -> dict[str, str]:
        return asdict(self)


def once(
    ledger: Ledger,
    role: str,
    find: Callable[[], Found],
    create: Callable[[Row], str],
    *,
    settle: float,
    tokened: bool = False,
    prepare: Callable[[], Row] = dict,
) -> str:
    """Return the id of the one resource of `role`, creating it when there is none.

    find returns what carries our tags; create receives the intent's row, with its ClientToken
    `token`, and returns an id; settle is the time in seconds during which a created resource may
    be invisible to find; prepare returns facts to keep in the intent, so that a repeated call asks
    for exactly the same. ResourceConflict: another installation has one.
    """
    found = find().claimed()
    row = ledger.resource(role)
    if found:
        return _adopt(ledger, role, found, row)
    if row and row["state"] == "intent" and tokened:
        return _create(ledger, role, create, row)
    if row and ledger.age(row) < settle:
        raise Pending(f"{role}: created a moment ago, not visible by its tag yet")
    return _create(ledger, role, create, intend(ledger, role, **prepare()))


def intend(ledger: Ledger, role: str, **facts: Any) -> Row:
    """Write the intent row of `role`, with its ClientToken."""
    generation, now = ledger.generation(), ledger.time()
    token = naming.token(ledger.installation, ledger.name, generation, role, now)
    return ledger.intend(role, token=token, generation=generation, **facts)


def remember(ledger: Ledger, role: str, identifier: str) -> None:
    """Write down something that needs no intent, its name being its identity."""
    if ledger.resource(role) is None:
        ledger.ready(role, id=identifier, intended_at=ledger.time())


def known(ledger: Ledger, role: str, found: Found) -> list[str]:
    """Return the ids to destroy: what the tags show and what the ledger remembers."""
    row = ledger.resource(role) or {}
    remembered = {str(row["id"])} if "id" in row else set()
    return sorted({*found.ours, *remembered} - set(found.others))


def settled(ledger: Ledger, role: str, settle: float) -> None:
    """Raise Pending while something of `role` may exist that nobody can see yet."""
    row = ledger.resource(role)
    if row and row["state"] == "intent" and ledger.age(row) < settle:
        raise Pending(
            f"{role}: may have been created a moment ago; waiting until it would be visible"
        )


def wait_until_visible(ledger: Ledger, role: str, settle: float) -> None:
    """Raise Pending while what was not found under its name may be too young to be visible."""
    row = ledger.resource(role)
    if row and ledger.age(row) < settle:
        raise Pending(f"{role}: may have been created a moment ago, not visible yet")


@contextmanager
def deleting(ledger: Ledger, role: str, settle: float, *gone: str) -> Iterator[None]:
    """Take the AWS errors `gone` for a deletion that is done; Pending for something too young.

    AWS may not know an id that it gave out seconds ago: taken for gone, it would be left behind.
    """
    try:
        yield
    except ClientError as error:
        if code(error) not in gone:
            raise
        wait_until_visible(ledger, role, settle)


def missing(resource: str, what: str) -> Change:
    return Change(resource, "create", what, "it is not there")


def present(resource: str, what: str) -> Change:
    return Change(resource, "keep", what, "it is there already")


def _adopt(ledger: Ledger, role: str, found: list[str], row: Row | None) -> str:
    row = row or {"intended_at": ledger.time()}
    chosen = row["id"] if row.get("id") in found else found[0]
    if (row.get("state"), row.get("id")) != ("ready", chosen):
        ledger.ready(role, id=chosen, intended_at=row["intended_at"])
    return str(chosen)


def _create(ledger: Ledger, role: str, create: Callable[[Row], str], row: Row) -> str:
    try:
        created = create(row)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < _SERVER_ERROR:
            ledger.forget(role)  # AWS said no: nothing was created, so nobody need wait for it
        raise
    ledger.ready(role, id=created)
    return created
