"""How often what is tried: a repair is no loop that spends money. No clock, no AWS.

A rung that did not help is followed by the next one. Repairs that fail are tried again after
growing pauses, three times; then the deployment has failed, with an explanation. What waits for
capacity has not failed. An operator's repair has no bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from orchestrator.ledger.rows import IncidentRow
from orchestrator.repair.rungs import LADDER, Facts, Rung, Verdict, after

FAILED, NO_CAPACITY, REPAIRED = "failed", "no-capacity", "repaired"
WINDOW = timedelta(hours=1)
REPLACEMENTS = 4  # in a window; each costs an instance's start
MOST_FAILURES = 3
FIRST_PAUSE = timedelta(minutes=2)


def bounded(
    wanted: Verdict,
    facts: Facts,
    history: Sequence[IncidentRow],
    now: datetime,
    instance_id: str | None,
    served_at: str | None = None,
) -> Verdict:
    """Return what is to be done of what is wanted, after what was done before.

    history: the oldest first; one that is open is this repair's own. served_at: since when the
    deployment serves, or did: what failed before that is forgiven.
    """
    if wanted.rung not in LADDER:
        return wanted
    failures = _failures(each for each in history if (each.closed_at or "") > (served_at or ""))
    if len(failures) >= MOST_FAILURES:
        why = f"{len(failures)} repairs in a row failed: {failures[-1].cause or wanted.why}"
        return Verdict(Rung.EXPLAIN, why)
    if failures and (until := _calm(failures)) > now:
        why = f"the last repair failed: the next one waits until {until:%H:%M} UTC"
        return Verdict(Rung.WAIT, why)
    return _climbed(wanted, facts, history, now, instance_id)


def _climbed(
    wanted: Verdict,
    facts: Facts,
    history: Sequence[IncidentRow],
    now: datetime,
    instance_id: str | None,
) -> Verdict:
    """Return the first rung from the wanted one on that was not tried on this host in vain."""
    recent = [(row, rung) for row in history for rung, at in _tried_at(row) if now - at < WINDOW]
    here = {rung for row, rung in recent if row.instance_id == instance_id}
    rung = wanted.rung
    while rung in here and rung != Rung.REPLACE:
        rung = after(rung, facts)
    replaced = sum(rung == Rung.REPLACE for _, rung in recent)
    if rung == Rung.REPLACE and replaced >= REPLACEMENTS:
        why = f"{replaced} hosts were replaced within the hour; the next one has to wait"
        return Verdict(Rung.WAIT, why)
    return Verdict(rung, wanted.why)


def _failures(history: Iterable[IncidentRow]) -> list[IncidentRow]:
    """Return the incidents that failed since the last repair that helped."""
    failed: list[IncidentRow] = []
    for each in history:
        if each.outcome == REPAIRED:
            failed = []
        elif each.outcome == FAILED:
            failed.append(each)
    return failed


def _calm(failures: Sequence[IncidentRow]) -> datetime:
    """Return until when nothing is tried again."""
    ended = datetime.fromisoformat(failures[-1].closed_at or failures[-1].opened_at)
    doubled: int = 2 ** (len(failures) - 1)
    return ended + doubled * FIRST_PAUSE


def _tried_at(incident: IncidentRow) -> list[tuple[Rung, datetime]]:
    return [(Rung(each["rung"]), datetime.fromisoformat(each["at"])) for each in tried(incident)]


def tried(incident: IncidentRow) -> list[dict[str, Any]]:
    """Return the rungs of an incident, the first one first: {"rung", "why", "at", "ended_at",
    "outcome"}.
    """
    return list(json.loads(incident.rungs or "[]"))
