"""The record of a repair, from its trigger through its rungs to its outcome."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.capacity.spending import accrued
from orchestrator.errors import HostFailed, sentence
from orchestrator.launch import instances
from orchestrator.ledger.rows import INCIDENTS, STOP, DeploymentRow, HostRow, IncidentRow, Status
from orchestrator.ledger.store import Ledger
from orchestrator.repair import announcing, bounds, diagnosis, evidence, facts, unfinished
from orchestrator.repair.rungs import LADDER, Facts, Rung, Verdict
from orchestrator.repair.triggers import Trigger
from orchestrator.spec.deployment import Deployment

FINISH, DONE, AWAIT, SERVE_ON = "finish", "done", "await", "serve_on"
_OPEN, _HELPED, _IN_VAIN = "open", "helped", "in vain"  # outcomes of a rung


def check(
    clients: Clients, deployment: Deployment, ledger: Ledger, trigger: Trigger, opened_at: str
) -> dict[str, Any]:
    """Return {"todo", "why", "generation", "instance_id"}, looked at under the lock.

    todo: a rung; `finish` what a repair that was aborted left, of traffic and hosts; `done`: this
    repair's last rung did not help, and nothing is wrong any more; `await`: it may help yet;
    `serve_on`: it was ordered to end, and is not to; `nothing`. opened_at is the workflow's start:
    asking twice opens one incident and begins one rung. Workflows wait for the lock in no order, so
    began_at, written under it, shows which repair came first.
    """
    _close_aborted(clients, ledger)
    unfinished.forget_change(ledger)
    row, host = ledger.deployment(), diagnosis.subject(ledger)
    answer: dict[str, Any] = {
        "generation": host.generation if host else 0,
        "instance_id": host.instance_id if host else None,
    }
    why, own = diagnosis.unwanted(ledger, row, trigger), _own(ledger, opened_at)
    if why or host is None:
        if own:  # it was paused meanwhile, for example
            raise HostFailed(f"the repair ends here: {why}")
        ledger.note("repair", f"no repair: {why}")
        return {"todo": "nothing", "why": why, **answer}
    if own and (begun := _open_rung(own)):  # this call was answered, and its answer lost
        return {"todo": begun["rung"], "why": begun["why"], **answer}
    if host.planned == STOP and instances.state(clients, str(host.instance_id)) in instances.ALIVE:
        why = "it was to end for a change that was not made"
        return {"todo": SERVE_ON, "why": why, **answer}
    if host.planned:  # by a rung that has ended since
        ledger.set_host(host.generation, planned=None, planned_at=None)
    seen = facts.look(clients, deployment, ledger, row, host)
    verdict = diagnosis.judged(ledger, row, seen, host, trigger, own)
    if own and verdict.rung == Rung.WAIT:
        return {"todo": _waits(seen, verdict), "why": verdict.why, **answer}
    if todo := _without_rung(ledger, row, seen, verdict, own):
        if not own:
            ledger.note("repair", f"no repair: {verdict.why}")
        return {"todo": todo, "why": verdict.why, **answer}
    incident = own or _opened(ledger, row, host, trigger, seen, opened_at)
    _begin(ledger, incident, verdict, row, host)
    if verdict.rung in {Rung.REPLACE, Rung.EXPLAIN}:
        folder = evidence.keep(clients, ledger.name, host, seen, opened_at)
        ledger.update(_key(ledger, opened_at), {"evidence": folder})
    return {"todo": str(verdict.rung), "why": verdict.why, **answer, "opened_at": opened_at}


def climb(ledger: Ledger, opened_at: str, error: str, cause: str) -> None:
    """Write down that the last rung did not help: the next look at the facts chooses another."""
    if incident := _own(ledger, opened_at):
        _end_rung(ledger, incident, _IN_VAIN, f"{error}: {sentence(cause)}"[:500])


def explain(clients: Clients, ledger: Ledger, opened_at: str, why: str) -> dict[str, Any]:
    """End in the one state that no repair leaves: failed, with what an operator has to change."""
    reason = f"{diagnosis.EXPLAINED}: {why}"
    ledger.record(status=Status.FAILED, reason=reason, execution=ledger.owner)
    host = diagnosis.subject(ledger)
    instance_id = str(host.instance_id if host else "")
    closed = close(clients, ledger, opened_at, instance_id, announcing.UNREPAIRABLE)
    return {**closed, "why": why}


def close(
    clients: Clients, ledger: Ledger, opened_at: str, instance_id: str, outcome: str
) -> dict[str, Any]:
    """Complete the incident's record; outcome: repaired | failed | no-capacity | unrepairable."""
    host, row = ledger.serving(), ledger.deployment()
    new = host.instance_id if host else None
    replaced_by = new if new != instance_id else None
    seconds = round(ledger.seconds_since(opened_at), 1)
    helped = outcome == bounds.REPAIRED
    facts_now: dict[str, Any] = {
        "closed_at": ledger.time(),
        "outcome": outcome,
        "replaced_by": replaced_by,
        "seconds": seconds,
    }
    if incident := _own(ledger, opened_at):
        facts_now["rungs"] = _ended(ledger, incident, _HELPED if helped else _IN_VAIN, None)
        facts_now["unserved_seconds"] = _unserved(ledger, incident, row, helped=helped)
        facts_now["failed_requests"] = _failed_requests(ledger, incident)
        took = accrued.of_hosts_since(ledger.hosts(), incident.began_at, ledger.now())
        facts_now["cost_usd"] = took
    ledger.update(_key(ledger, opened_at), facts_now)
    if helped and row.unanswered_at:
        ledger.record(unanswered_at=None)
    if host and (host.planned or helped):
        in_vain = {"asked_times": None} if helped else {}
        ledger.set_host(host.generation, planned=None, planned_at=None, **in_vain)
    same = f"{instance_id} in {seconds} s"
    text = f"{instance_id} -> {replaced_by} in {seconds} s" if replaced_by else same
    ledger.note("repair", f"{outcome}: {text}")
    if closed := _own(ledger, opened_at):
        announcing.ended(clients, ledger, ledger.deployment(), closed)
    return {
        "name": ledger.name,
        "outcome": outcome,
        "instance_id": new,
        "replaced": instance_id if replaced_by else "",
        "seconds": seconds,
    }


def leave(ledger: Ledger) -> dict[str, Any]:
    """Note that another workflow holds the lock for longer than a repair waits for it."""
    why = "another workflow is at work on the deployment, and sees to the hosts that it waits for"
    ledger.note("repair", f"no repair: {why}")
    return {"name": ledger.name, "outcome": "skipped", "why": why, "instance_id": ""}


def abandon(
    clients: Clients, ledger: Ledger, opened_at: str, error: str = "", cause: str = ""
) -> bool:
    """Close the incident that this repair opened, if it did, as failed; return whether that says
    to people what the workflow's failure would.

    Waiting for capacity in vain is no failure of the deployment: it is tried again.
    """
    incident = _own(ledger, opened_at)
    if incident is None or incident.closed_at is not None:
        return False
    if error:
        ledger.update(_key(ledger, opened_at), {"cause": f"{error}: {cause}"[:1_000]})
    outcome = bounds.NO_CAPACITY if error == "InsufficientCapacity" else bounds.FAILED
    close(clients, ledger, opened_at, str(incident.instance_id), outcome)
    return True


def _waits(seen: Facts, verdict: Verdict) -> str:
    """Return `await` where the last rung shows its effect late; HostFailed where nothing is left
    to be tried now.
    """
    if not seen.heard or seen.phase in {"serving", "failed"}:
        raise HostFailed(verdict.why)
    return AWAIT


def _without_rung(
    ledger: Ledger, row: DeploymentRow, seen: Facts, verdict: Verdict, own: IncidentRow | None
) -> str | None:
    """Return what to do where no rung is to be climbed, None where one is."""
    is_due = diagnosis.is_due(verdict)
    if own:
        return None if is_due else DONE
    if not diagnosis.is_unfinished(ledger, row):
        return None if is_due else "nothing"
    if verdict.rung == Rung.NOTHING:
        return FINISH
    if verdict.rung in {Rung.WAIT, Rung.RECONNECT} and seen.answers_itself:
        return FINISH  # its traffic was not led to it yet
    return None if is_due else "nothing"


def _opened(
    ledger: Ledger,
    row: DeploymentRow,
    host: HostRow,
    trigger: Trigger,
    seen: Facts,
    opened_at: str,
) -> IncidentRow:
    """Open the incident. detected_at: when the first sign of it was seen."""
    signs = [sign for sign in (trigger.at, row.unanswered_at) if sign and not seen.answers]
    incident = IncidentRow(
        opened_at=opened_at,
        began_at=ledger.time(),
        source=trigger.source,
        detected_at=min([*signs, opened_at], key=datetime.fromisoformat),
        trigger=trigger.text,
        cause=None,
        instance_id=host.instance_id,
        execution=ledger.owner,
        generation=host.generation,
        unserved_seconds=0.0 if seen.answers else None,
        errors_before=host.errors,
    )
    ledger.write(_key(ledger, opened_at), incident.values())
    if not seen.answers and row.unanswered_at is None:
        ledger.record(unanswered_at=incident.detected_at)
    return incident


def _begin(
    ledger: Ledger, incident: IncidentRow, verdict: Verdict, row: DeploymentRow, host: HostRow
) -> None:
    """Write down the rung before anything is done."""
    rung = {"rung": verdict.rung, "why": verdict.why, "at": ledger.time(), "outcome": _OPEN}
    rungs = json.dumps([*bounds.tried(incident), rung])
    ledger.update(
        _key(ledger, incident.opened_at),
        {"rungs": rungs, "cause": incident.cause or verdict.why},
    )
    if verdict.rung in LADDER:
        if row.status != Status.REPAIRING:
            ledger.record(status=Status.REPAIRING, execution=ledger.owner)
        text = f"{verdict.rung} of {host.instance_id}: {verdict.why}"
        ledger.note("repair", text, instance_id=host.instance_id)


def _own(ledger: Ledger, opened_at: str) -> IncidentRow | None:
    values = ledger.read(_key(ledger, opened_at))
    return IncidentRow.of(values) if values else None


def _open_rung(incident: IncidentRow) -> dict[str, Any] | None:
    last = next(reversed(bounds.tried(incident)), None)
    return last if last and last["outcome"] == _OPEN else None


def _end_rung(ledger: Ledger, incident: IncidentRow, outcome: str, error: str) -> None:
    ended = _ended(ledger, incident, outcome, error)
    ledger.update(_key(ledger, incident.opened_at), {"rungs": ended})


def _ended(ledger: Ledger, incident: IncidentRow, outcome: str, error: str | None) -> str:
    """Return the incident's rungs, the last one of which has ended now."""
    tried = bounds.tried(incident)
    if tried and tried[-1]["outcome"] == _OPEN:
        tried[-1] |= {"outcome": outcome, "ended_at": ledger.time()}
        tried[-1] |= {"error": error} if error else {}
    return json.dumps(tried)


def _unserved(
    ledger: Ledger, incident: IncidentRow, row: DeploymentRow, *, helped: bool
) -> float | None:
    """Return the seconds without an answer, as far as our probes and events can say."""
    if incident.unserved_seconds is not None or not helped:
        return incident.unserved_seconds
    return round(ledger.seconds_since(row.unanswered_at or incident.detected_at or ""), 1)


def _failed_requests(ledger: Ledger, incident: IncidentRow) -> int | None:
    """Return the requests that failed on the host meanwhile, as its gateway counts them; None
    where that gateway was started again, or reports no more.
    """
    host = ledger.host_of(incident.instance_id or "")
    if host is None or host.errors is None or incident.errors_before is None:
        return None
    return host.errors - incident.errors_before if host.errors >= incident.errors_before else None


def _close_aborted(clients: Clients, ledger: Ledger) -> None:
    """Close what repairs opened that ended without a word: this one holds the lock now."""
    for values in list(ledger.rows(INCIDENTS)):
        incident = IncidentRow.of(values)
        if incident.closed_at is None and incident.execution != ledger.owner:
            end: dict[str, Any] = {"closed_at": ledger.time(), "outcome": bounds.ABORTED}
            ledger.update(values["sk"], end)
            closed = dataclasses.replace(incident, **end)
            announcing.ended(clients, ledger, ledger.deployment(), closed)


def _key(ledger: Ledger, opened_at: str) -> str:
    """EC2 reports a loss by several events: two workflows may start in the same millisecond."""
    return f"{INCIDENTS}{opened_at}#{ledger.owner.rpartition(':')[2]}"
