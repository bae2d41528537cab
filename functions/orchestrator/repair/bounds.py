"""How often what is tried: a repair is no loop that spends money. No clock, no AWS.

A rung that did not help is followed by the next one; what serves is touched by nothing beyond what
was wanted first. Replacements that fail are tried again after growing pauses, three times; then the
deployment has failed, with an explanation. What waits for capacity has not failed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.launch import instances
from orchestrator.ledger.rows import IncidentRow
from orchestrator.repair.rungs import LADDER, LOST, WISH, Facts, Rung, Verdict, after

FAILED, NO_CAPACITY, REPAIRED, ABORTED = "failed", "no-capacity", "repaired", "aborted"
WINDOW = timedelta(hours=1)
DAY = timedelta(days=1)
REPLACEMENTS = 4  # in a window; each costs an instance's start
LOST_PAUSE = timedelta(minutes=10)  # after as many, where EC2 took the host
MOST_FAILURES = 3
FIRST_PAUSE = timedelta(minutes=2)
PAUSE_WHILE_IT_SERVES = timedelta(hours=6)
DISRUPTIONS = 10  # in a day: reboots, moves and replacements of hosts that EC2 did not take
_DISRUPTIVE = {Rung.REBOOT, Rung.REHOST, Rung.REPLACE}


@dataclass(frozen=True, slots=True)
class Past:
    """What was tried before: the incidents, the oldest first; an open one is this repair's own.

    instance_id: of the host that is concerned now. since: when the deployment began to serve, or
    not to answer; what failed before that is forgiven.
    """

    incidents: Sequence[IncidentRow]
    now: datetime
    instance_id: str | None
    since: str = ""

    def failures(self) -> list[IncidentRow]:
        """Return the incidents that failed although a new host was tried."""
        return [
            each
            for each in self.incidents
            if each.outcome == FAILED
            and (each.closed_at or "") > self.since
            and any(one["rung"] == Rung.REPLACE for one in tried(each))
        ]

    def rungs(self, span: timedelta) -> list[tuple[IncidentRow, dict[str, Any]]]:
        """Return what was tried within this time, and all that this repair has tried."""
        return [
            (row, each)
            for row in self.incidents
            for each in tried(row)
            if row.closed_at is None or self.now - datetime.fromisoformat(each["at"]) < span
        ]

    def tried_here(self, span: timedelta) -> set[str]:
        """Return the rungs that were tried on the host that is concerned."""
        found = self.rungs(span)
        return {each["rung"] for row, each in found if row.instance_id == self.instance_id}


def bounded(wanted: Verdict, facts: Facts, past: Past) -> Verdict:
    """Return what is to be done of what is wanted, after what was done before."""
    if wanted.rung not in LADDER:
        return wanted
    if facts.serves:
        return _gentle(wanted, past)
    failures = past.failures()
    if len(failures) >= MOST_FAILURES:
        why = f"{len(failures)} repairs in a row failed: {failures[-1].cause or wanted.why}"
        return Verdict(Rung.EXPLAIN, why)
    if failures and (until := _calm(failures)) > past.now:
        why = f"the last repair failed: the next one waits until {until:%H:%M} UTC"
        return Verdict(Rung.WAIT, why)
    return _within_a_day(_climbed(wanted, facts, past), facts, past)


def _gentle(wanted: Verdict, past: Past) -> Verdict:
    """Return it once in a long while: what serves is not rebooted or replaced where it is vain."""
    if wanted.rung not in past.tried_here(PAUSE_WHILE_IT_SERVES):
        return wanted
    why = f"{wanted.why}; {wanted.rung} was tried, and anything more would end what serves"
    return Verdict(Rung.WAIT, why)


def _climbed(wanted: Verdict, facts: Facts, past: Past) -> Verdict:
    """Return the first rung from the wanted one on that was not tried on this host in vain."""
    here, rung = past.tried_here(WINDOW), wanted.rung
    while rung in here and rung != Rung.REPLACE:
        rung = after(rung, facts)
    replaced = [
        each["at"]
        for _, each in past.rungs(WINDOW)
        if each["rung"] == Rung.REPLACE and not each["why"].startswith(WISH)
    ]
    if rung == Rung.REPLACE and len(replaced) >= REPLACEMENTS:
        pause = LOST_PAUSE if facts.state in instances.LOST else WINDOW
        if (until := datetime.fromisoformat(replaced[-1]) + pause) > past.now:
            why = f"{len(replaced)} hosts were replaced within the hour; the next one has to wait"
            return Verdict(Rung.WAIT, f"{why} until {until:%H:%M} UTC")
    return Verdict(rung, wanted.why)


def _within_a_day(verdict: Verdict, facts: Facts, past: Past) -> Verdict:
    """A host that fails again and again is for an operator, however often a repair helped."""
    if verdict.rung not in _DISRUPTIVE or facts.state in instances.LOST:
        return verdict
    disrupted = [
        each
        for _, each in past.rungs(DAY)
        if each["rung"] in _DISRUPTIVE and not each["why"].startswith((LOST, WISH))
    ]
    if len(disrupted) < DISRUPTIONS:
        return verdict
    why = f"{len(disrupted)} repairs within a day did not last: {verdict.why}"
    return Verdict(Rung.EXPLAIN, why)


def _calm(failures: Sequence[IncidentRow]) -> datetime:
    """Return until when nothing is tried again."""
    ended = datetime.fromisoformat(failures[-1].closed_at or failures[-1].opened_at)
    doubled: int = 2 ** (len(failures) - 1)
    return ended + doubled * FIRST_PAUSE


def tried(incident: IncidentRow) -> list[dict[str, Any]]:
    """Return the rungs of an incident, the first one first: {"rung", "why", "at", "ended_at",
    "outcome"}.
    """
    return list(json.loads(incident.rungs or "[]"))
