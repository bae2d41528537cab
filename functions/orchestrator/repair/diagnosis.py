"""Is a repair due, and which? Decided from what is there, not from what an event reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from orchestrator.aws import naming
from orchestrator.ledger.rows import (
    INCIDENTS,
    STOP,
    DeploymentRow,
    Desired,
    HostRow,
    IncidentRow,
    Role,
    Status,
)
from orchestrator.ledger.store import Ledger
from orchestrator.repair import bounds, rungs
from orchestrator.repair.rungs import LADDER, WISH, Facts, Rung, Verdict
from orchestrator.repair.triggers import Trigger

EXPLAINED = "NotRepairable"  # a reason begins with it: only an operator tries again
_UNWANTED = {
    Desired.ABSENT: "the deployment is not wanted any more",
    Desired.ASLEEP: "the deployment is asleep",
    Desired.STOPPED: "the deployment is stopped: only a command starts it",
    Desired.UNKNOWN: "a later version of Lamplighter wrote what is wanted",
}


def unwanted(ledger: Ledger, row: DeploymentRow, trigger: Trigger) -> str | None:
    """Return why this repair may do nothing at all, or None."""
    if row.desired in _UNWANTED:
        return _UNWANTED[row.desired]
    host = subject(ledger)
    if host is None or host.instance_id is None:
        return "no instance was launched yet: `lamplighter up` launches one"
    about = ledger.host_of(trigger.instance_id) if trigger.instance_id else host
    is_draining = about is not None and about.role == Role.DRAINING and not trigger.ending
    if trigger.instance_id and trigger.instance_id != host.instance_id and not is_draining:
        current = f"{trigger.instance_id} is not the current instance ({host.instance_id} is)"
        return f"{current}: EC2 reports one loss several times"
    return None if trigger.is_by_hand else _for_operators(ledger, row)


def _for_operators(ledger: Ledger, row: DeploymentRow) -> str | None:
    """Return why only an operator's repair may do anything, or None."""
    if is_paused(ledger, row):
        return f"repairs are paused: `lamplighter resume {ledger.name}` resumes them"
    if row.served_at is None and row.status == Status.FAILED:
        return f"it has not served yet ({row.reason}): `lamplighter up` starts again"
    return None


def is_paused(ledger: Ledger, row: DeploymentRow) -> bool:
    """Return whether an operator keeps everything but operators from repairing it."""
    if row.paused_at is None:
        return False
    return row.paused_until is None or ledger.seconds_since(row.paused_until) < 0


def is_explained(row: DeploymentRow) -> bool:
    """Return whether it has failed in a way that no repair improves: an operator knows why."""
    return row.status == Status.FAILED and (row.reason or "").startswith(EXPLAINED)


def judged(
    ledger: Ledger,
    row: DeploymentRow,
    seen: Facts,
    host: HostRow,
    trigger: Trigger,
    own: IncidentRow | None = None,
) -> Verdict:
    """Return what is to be done about the host.

    own: this repair's incident, once it has one. What an operator wants is done first, without
    bounds; where it did not help, the facts decide.
    """
    wish = trigger.rung or (Rung.REPLACE if trigger.forced else None)
    if wish and own is None:
        return Verdict(wish, f"{WISH}: {trigger.text}")
    if trigger.ending and seen.ending is None:
        seen = dataclasses.replace(seen, ending=trigger.text)
    wanted = rungs.first(seen)
    if wanted.rung == Rung.EXPLAIN and trigger.is_by_hand and own is None:
        wanted = dataclasses.replace(wanted, rung=Rung.REPLACE)  # its cause may be corrected by now
    if wanted.rung == Rung.NOTHING:
        return wanted
    if is_explained(row) and not trigger.is_by_hand:
        return Verdict(Rung.WAIT, f"{row.reason}: `lamplighter repair {ledger.name}` tries again")
    past = history(ledger, row)
    if trigger.is_by_hand:  # the failures before are known to the operator
        past = [each for each in past if each.closed_at is None]
    since = max(row.served_at or "", row.unanswered_at or ledger.time())
    return bounds.bounded(wanted, seen, bounds.Past(past, ledger.now(), host.instance_id, since))


def history(ledger: Ledger, row: DeploymentRow) -> list[IncidentRow]:
    """Return the deployment's incidents, the oldest first, without those of an earlier one of its
    name. Where an earlier version kept no time of its beginning, all count.
    """
    began = datetime.fromisoformat(row.began_at) if row.began_at else None
    rows = (IncidentRow.of(values) for values in ledger.rows(INCIDENTS))
    found = [each for each in rows if not began or datetime.fromisoformat(each.opened_at) >= began]
    return sorted(found, key=lambda each: each.began_at or each.opened_at)


def subject(ledger: Ledger) -> HostRow | None:
    """Return the host that a repair is about: the one that serves, else the newest."""
    hosts = ledger.hosts()
    return next((host for host in hosts if host.role == Role.SERVING), hosts[-1] if hosts else None)


def is_unfinished(ledger: Ledger, row: DeploymentRow) -> bool:
    """Return whether a workflow left hosts, or an address, beside the one that serves, or its
    status.
    """
    hosts = ledger.hosts()
    roles = [host.role for host in hosts]
    left = Role.CANDIDATE in roles or Role.DRAINING in roles or is_to_end(hosts)
    if Role.SERVING not in roles:
        return False
    if left or row.status != Status.SERVING:
        return True
    return Role.RETIRED in roles and _two_addresses(ledger)


def _two_addresses(ledger: Ledger) -> bool:
    """Return whether a host that is retired has kept an Elastic IP, or another workflow did."""
    kinds = [resource.kind for resource in ledger.resources()]
    return sum(map(naming.is_an_endpoints_address, kinds)) > 1


def is_to_end(hosts: Sequence[HostRow]) -> bool:
    """Return whether a workflow ordered the host that serves to end, and ended before that."""
    return any(host.role == Role.SERVING and host.planned == STOP for host in hosts)


def is_due(verdict: Verdict) -> bool:
    """Return whether a workflow has something to do: a repair, or an explanation."""
    return verdict.rung in LADDER or verdict.rung == Rung.EXPLAIN
