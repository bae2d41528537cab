"""Create exactly one of something that AWS lets you create twice.

An intent row is written before the call and the tag is part of the call, so a step that died in
between finds its resource by tag; while a fresh tag may still be invisible, it waits (Pending).
Where AWS takes a ClientToken, the intent holds it: repeating the call is then safe at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.error_codes import Meaning, meaning
from orchestrator.creation.ownership import Found, lost
from orchestrator.creation.visibility import ById
from orchestrator.errors import Pending
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger

_SERVER_ERROR = 500


def once(
    ledger: Ledger,
    role: str,
    find: Callable[[], Found],
    create: Callable[[ResourceRow], str],
    by_id: ById,
    *,
    tokened: bool = False,
    prepare: Callable[[], dict[str, Any]] = dict,
    generation: int = 0,
) -> str:
    """Return the id of the one resource of `role`, creating it when there is none.

    find returns what carries our tags; create receives the intent's row, with its ClientToken
    `token`, and returns an id; prepare returns facts to keep in the intent, so that a repeated call
    asks for exactly the same. generation: of the host that it is for, 0 for what all hosts share.
    ResourceConflict: another installation has one, or ours is there without its tags.
    """
    found = find().claimed()
    row = ledger.resource(role)
    if found:
        return _adopt(ledger, role, found, row)
    _must_have_its_tags(ledger, role, row, by_id)
    if row and row.state == "intent" and tokened:
        return _create(ledger, role, create, row)
    if row and ledger.is_young(row):
        raise Pending(f"{role}: created a moment ago, not visible by its tag yet")
    return _create(ledger, role, create, intend(ledger, role, generation, **prepare()))


def existing(ledger: Ledger, role: str, find: Callable[[], Found], by_id: ById) -> list[str]:
    """Return the ids that `once` would adopt; ResourceConflict as there."""
    found = find().claimed()
    if not found:
        _must_have_its_tags(ledger, role, ledger.resource(role), by_id)
    return found


def intend(ledger: Ledger, role: str, generation: int = 0, **facts: Any) -> ResourceRow:
    """Write the intent row of `role`, with its ClientToken."""
    what = "/".join([role, *([str(facts["pool"])] if "pool" in facts else [])])
    token = naming.token(ledger.installation, ledger.name, generation, what, ledger.time())
    return ledger.intend(role, token=token, generation=generation, **facts)


def changed(ledger: Ledger, role: str) -> None:
    """Write down that something of `role` was changed at AWS just now, e.g. attached."""
    ledger.ready(role, changed_at=ledger.time())


def _must_have_its_tags(ledger: Ledger, role: str, row: ResourceRow | None, by_id: ById) -> None:
    """Raise ResourceConflict when what the ledger names is there and cannot be found by tag."""
    if row is None or row.id is None or row.state != "ready" or ledger.is_young(row):
        return
    if by_id.shows(row.id):
        raise lost(ledger, f"{role} {row.id}")


def _adopt(ledger: Ledger, role: str, found: list[str], row: ResourceRow | None) -> str:
    chosen = row.id if row and row.id in found else found[0]
    if row is None or (row.state, row.id) != ("ready", chosen):
        since = row.intended_at if row else None
        ledger.ready(role, id=chosen, intended_at=since or ledger.time())
    return str(chosen)


def _create(
    ledger: Ledger, role: str, create: Callable[[ResourceRow], str], row: ResourceRow
) -> str:
    try:
        created = create(row)
    except ClientError as error:
        if _is_refused(error):
            ledger.forget(role)  # nothing was created, so there is nothing to wait for
        raise
    ledger.ready(role, id=created, changed_at=ledger.time())
    return created


def _is_refused(error: ClientError) -> bool:
    """Return whether nothing was created for certain; EC2 reports dry pools as its own faults."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status < _SERVER_ERROR or meaning(error) is Meaning.CAPACITY
