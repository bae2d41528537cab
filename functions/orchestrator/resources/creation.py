"""Create exactly one of something that AWS lets you create twice.

An intent row is written before the call and the tag is part of the call, so a step that died in
between finds its resource by tag; while a fresh tag may still be invisible, it waits (Pending).
Where AWS takes a ClientToken, the intent holds it: repeating the call is then safe at once.

What AWS does not show may be gone, or too young to be visible: a row's age decides which, and only
the young is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator import aws_errors, naming
from orchestrator.errors import Pending, Refused
from orchestrator.ledger import Ledger, Row
from orchestrator.resources.ownership import Found, lost

if TYPE_CHECKING:
    from orchestrator.clients import Clients

_SERVER_ERROR = 500

Described = TypeVar("Described")


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


@contextmanager
def translated(ledger: Ledger, settle: float) -> Iterator[None]:
    """Turn AWS's errors into ours; settle: seconds during which a change may be invisible."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise aws_errors.translate(error, young=_has_young(ledger, settle)) from error


def changed(ledger: Ledger, role: str) -> None:
    """Write down that something of `role` was changed at AWS just now, e.g. attached."""
    ledger.ready(role, changed_at=ledger.time())


def the(described: Iterable[Described], ledger: Ledger, role: str, settle: float) -> Described:
    """Return what AWS described by its id.

    An empty answer is Pending while it may just not be visible, Refused afterwards.
    """
    for found in described:
        return found
    row = ledger.resource(role) or {}
    what = f"{role} {row.get('id', '')}".rstrip()
    if row and ledger.age(row) < settle:
        raise Pending(f"{what}: created a moment ago, not visible yet")
    raise Refused(
        f"{what}: AWS does not know it any more, it was removed outside Lamplighter; start again, "
        "`up` makes what is missing"
    )


def delete_each(
    clients: Clients,
    ledger: Ledger,
    role: str,
    found: Found,
    delete: Callable[[str], object],
    *,
    describe: Callable[[str], Sequence[object]],
    gone: str,
) -> None:
    """Delete what the tags show and the ledger remembers in EC2; forget it right afterwards.

    gone: EC2's code for an id that does not exist. IAM, which reads the tags first, may deny the
    deletion of what is gone instead: describe returns what EC2 shows of the id itself. Neither is
    believed about what is too young to be visible. ResourceConflict: it is there without its tags.
    """
    for identifier in known(ledger, role, found):
        try:
            delete(identifier)
        except ClientError as error:
            code = aws_errors.code(error)
            if code not in {gone, aws_errors.DENIED} or _is_young(clients, ledger, role):
                raise
            if code != gone and _is_there(describe, identifier, gone):
                if identifier in found.ours:
                    raise
                raise lost(ledger, f"{role} {identifier}") from error
    ledger.forget(role)


@contextmanager
def deletion(look: Callable[[], object], gone: str) -> Iterator[None]:
    """Swallow the error that the deletion of what is gone meets; gone: its code.

    IAM, which reads the tags first, may deny it instead: look returns None where nothing is there.
    """
    try:
        yield
    except ClientError as error:
        code = aws_errors.code(error)
        if code != gone and (code != aws_errors.ACCESS_DENIED or look() is not None):
            raise


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
    ledger.ready(role, id=created, changed_at=ledger.time())
    return created


def _has_young(ledger: Ledger, settle: float) -> bool:
    """Return whether anything of the deployment was created or changed within `settle` seconds."""
    rows = (row for row in ledger.rows() if row["sk"].startswith("resource#"))
    return any("intended_at" in row and ledger.age(row) < settle for row in rows)


def _is_young(clients: Clients, ledger: Ledger, role: str) -> bool:
    row = ledger.resource(role)
    return row is not None and ledger.age(row) < clients.settings.settle_seconds


def _is_there(describe: Callable[[str], Sequence[object]], identifier: str, gone: str) -> bool:
    """Return whether EC2 shows the id; asked by id, as its tags may have been removed."""
    with aws_errors.tolerating(gone):
        return bool(describe(identifier))
    return False
