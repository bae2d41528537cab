"""One workflow at a time per deployment; no lease: Step Functions knows which owner is alive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import code
from orchestrator.errors import LockHeld, Pending
from orchestrator.ledger.rows import LOCK
from orchestrator.ledger.store import Ledger

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_GONE = datetime(1970, 1, 1, tzinfo=UTC)


def acquire(ledger: Ledger, sfn: SFNClient, step_seconds: float) -> None:
    """Make `ledger.owner` the owner of the lock.

    Raises LockHeld while another workflow runs, Pending while a Lambda of a workflow that just
    died might still act (one Lambda timeout, `step_seconds`), or when the lock was given back
    between our two looks at it.
    """
    if _take(ledger, "attribute_not_exists(#owner) OR #owner = :me", me=ledger.owner):
        return
    holder = ledger.lock_owner()
    if holder is None:
        raise Pending(f"the lock of {ledger.name!r} was given back this moment: it is free again")
    ended = _ended_at(sfn, holder)
    if ended is None:
        raise LockHeld(f"{holder} works on {ledger.name!r}: wait for it, or stop that execution")
    if (ledger.now() - ended).total_seconds() < step_seconds:
        raise Pending(f"{holder} ended a moment ago; its last step may still be acting")
    if not _take(ledger, "#owner = :dead", dead=holder):
        raise LockHeld(f"another workflow took the lock of {ledger.name!r} first")


def release(ledger: Ledger) -> None:
    """Give the lock back; not being the owner any more is fine."""
    ledger.discard(LOCK, "owner", ledger.owner)


def runs(sfn: SFNClient, execution: str) -> bool:
    """Return whether the owner of a lock is alive."""
    return _ended_at(sfn, execution) is None


def _take(ledger: Ledger, condition: str, **values: str) -> bool:
    facts = {"owner": ledger.owner, "acquired_at": ledger.time()}
    return ledger.change(LOCK, facts, condition, **values)


def _ended_at(sfn: SFNClient, execution: str) -> datetime | None:
    """Return when the execution ended, None while it runs."""
    try:
        found = sfn.describe_execution(executionArn=execution)
    except ClientError as error:
        if code(error) in {"ExecutionDoesNotExist", "InvalidArn"}:
            return _GONE
        raise
    return None if found["status"] == "RUNNING" else found.get("stopDate", _GONE)
