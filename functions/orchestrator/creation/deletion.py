"""Delete what is ours and may be gone already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import ACCESS_DENIED, DENIED, IAM_DENIED, code
from orchestrator.creation.ownership import Found, lost
from orchestrator.creation.visibility import ById
from orchestrator.ledger.store import Ledger

_DENIED = {ACCESS_DENIED, IAM_DENIED}


def delete_each(
    ledger: Ledger,
    role: str,
    found: Found,
    delete: Callable[[str], object],
    by_id: ById,
) -> None:
    """Delete what the tags show and the ledger remembers in EC2; forget it right afterwards.

    EC2 does not find what is gone, or IAM, which reads the tags first, denies its deletion. Neither
    is believed about what is too young to be visible. ResourceConflict: it is there without its
    tags.
    """
    for identifier in known(ledger, role, found):
        try:
            delete(identifier)
        except ClientError as error:
            refusal = code(error)
            if refusal not in {by_id.gone, DENIED} or _is_young(ledger, role):
                raise
            if refusal != by_id.gone and by_id.shows(identifier):
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
        refusal = code(error)
        if refusal != gone and (refusal not in _DENIED or look() is not None):
            raise


def known(ledger: Ledger, role: str, found: Found) -> list[str]:
    """Return the ids to destroy: what the tags show and what the ledger remembers."""
    row = ledger.resource(role)
    remembered = {row.id} if row and row.id else set()
    return sorted({*found.ours, *remembered} - set(found.others))


def _is_young(ledger: Ledger, role: str) -> bool:
    row = ledger.resource(role)
    return row is not None and ledger.is_young(row)
