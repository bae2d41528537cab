"""Keep Lamplighter from repairing a deployment while an operator works on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.ledger.rows import DEPLOYMENT
from orchestrator.ledger.store import Ledger

_LONGEST_REASON = 200


def pause(ledger: Ledger, until: Any = None, why: Any = None) -> dict[str, Any]:
    """Start no repair by events or looks until then, or until `resume`; needs no lock.

    until: ISO-8601 with its zone. Operators' repairs, provisions and teardowns go on.
    """
    ends = None if until is None else _moment(ledger, until)
    if why is not None and not isinstance(why, str):
        raise InvalidRequest(f"why: {why!r} is no text")
    facts = {
        "paused_at": ledger.time(),
        "paused_until": ends,
        "paused_why": why[:_LONGEST_REASON] if why else None,
    }
    _change(ledger, facts)
    ledger.note("repair", f"repairs are paused{f' until {ends}' if ends else ''}")
    return {"name": ledger.name, "paused_until": ends}


def resume(ledger: Ledger) -> dict[str, Any]:
    """Repair again; the next look at it is at most a minute away."""
    _change(ledger, dict.fromkeys(("paused_at", "paused_until", "paused_why")))
    ledger.note("repair", "repairs are resumed")
    return {"name": ledger.name}


def _change(ledger: Ledger, facts: dict[str, Any]) -> None:
    if not ledger.change(DEPLOYMENT, facts, "attribute_exists(pk)"):
        raise NotFound(f"no deployment is named {ledger.name!r}: `lamplighter status` lists them")


def _moment(ledger: Ledger, until: Any) -> str:
    try:
        moment = datetime.fromisoformat(until)
    except (TypeError, ValueError):
        raise InvalidRequest(f"until: {until!r} is no ISO-8601 time") from None
    if moment.tzinfo is None:
        raise InvalidRequest(f"until: {until!r} has no zone; end it with Z for UTC")
    if moment <= ledger.now():
        raise InvalidRequest(f"until: {until!r} has passed")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
