"""The guarantee behind the events, which AWS may lose: once a minute, what is wanted is compared
with what is there. A workflow is started only for a difference.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from orchestrator.aws.clients import Clients
from orchestrator.hosts import idleness
from orchestrator.ledger import lock
from orchestrator.ledger.rows import DeploymentRow, HostRow
from orchestrator.ledger.store import Ledger
from orchestrator.observability import count, logger
from orchestrator.repair import (
    announcing,
    diagnosis,
    expiring,
    facts,
    overdue,
    starting,
    triggers,
    unfinished,
)
from orchestrator.repair.rungs import Rung, Verdict
from orchestrator.repair.triggers import RECONCILER, Trigger
from orchestrator.schedules import due
from orchestrator.schedules.edges import Moment
from orchestrator.spec.parsing import parse

_AT_ONCE = 16  # deployments; a look is mostly waiting


def every(clients: Clients, ledgers: list[Ledger]) -> dict[str, str]:
    """Look at all deployments; return what was found, by name. One never keeps another waiting."""
    if len(ledgers) == 1:  # without threads: the fault tests fork at its calls
        return {each.name: _safely(clients, each) for each in ledgers}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda ledger: _safely(clients, ledger), ledgers)
        return {ledger.name: said for ledger, said in zip(ledgers, found, strict=True)}


def _safely(clients: Clients, ledger: Ledger) -> str:
    try:
        return look(clients, ledger)
    except Exception as error:  # noqa: BLE001 - the others are looked at all the same
        logger.exception("reconciliation failed", deployment=ledger.name)
        count("ReconciliationFailed")
        return f"not looked at: {type(error).__name__}: {error}"


def look(clients: Clients, ledger: Ledger) -> str:
    """Start a workflow where one is due; return what was found, in one sentence."""
    owner = ledger.lock_owner()  # before the row: a workflow that ends meanwhile has written it
    row, host = ledger.known_deployment(), diagnosis.subject(ledger)
    if row and (ended := expiring.look(clients, ledger, row)):
        return ended
    edge = due.overdue(ledger, row) if row else None
    left = unfinished.verb(row) if row else None
    if row is None or not (left or edge or (row.is_live and host)):
        return "nothing is to be kept alive"
    announcing.spent(clients, ledger, row)
    if owner and lock.runs(clients.sfn, owner):
        announcing.waits(clients, ledger)
        return "a workflow is at work on it"
    if edge or left or host is None:
        return _caught_up(clients, ledger, row, edge, left)
    was_left = owner is not None and owner == ledger.lock_owner()  # else it has just ended
    return _kept_alive(clients, ledger, row, host, was_left=was_left)


def _caught_up(
    clients: Clients, ledger: Ledger, row: DeploymentRow, edge: Moment | None, left: str | None
) -> str:
    """Start what its schedule wants by now, else what ended before it was done."""
    if edge:
        return overdue.start(clients, ledger, edge)
    return unfinished.start_again(clients, ledger, row, str(left))


def _kept_alive(
    clients: Clients, ledger: Ledger, row: DeploymentRow, host: HostRow, *, was_left: bool
) -> str:
    """Start a repair where one is due. was_left: a workflow ended and left its lock."""
    trigger = Trigger("a look at what is there", source=RECONCILER)
    if why := diagnosis.unwanted(ledger, row, trigger):
        return why
    verdict = _judged(clients, ledger, row, host, trigger)
    may_be_busy = verdict.rung == Rung.RECONNECT and row.unanswered_at is None
    if diagnosis.is_due(verdict) and not may_be_busy:  # the next look decides
        return _started(clients, ledger, host, verdict.why)
    is_well = verdict.rung == Rung.NOTHING
    is_left = (is_well and diagnosis.is_unfinished(ledger, row)) or diagnosis.is_to_end([host])
    if was_left or is_left:
        return _started(clients, ledger, host, "a workflow ended before it was done")
    if is_well and (rotated := overdue.rotate(clients, ledger, row)):
        return rotated
    lasting = idleness.limit(row)
    if lasting and idleness.is_idle(row, ledger.serving(), ledger.now()):
        return _put_to_sleep(clients, ledger, lasting)
    return verdict.why


def _put_to_sleep(clients: Clients, ledger: Ledger, lasting: timedelta) -> str:
    """Start the stop, which looks once more: at most once in ten minutes, should it fail."""
    why = f"{lasting.total_seconds() / 60:g} minutes without a request"
    mark = f"idle-{ledger.now():%Y%m%dT%H%M}"[:-1]
    started = starting.start(
        clients, ledger, starting.STOP, mark, sleep=True, idle=True, asked_by=why
    )
    return f"started {started}: {why}"


def _judged(
    clients: Clients, ledger: Ledger, row: DeploymentRow, host: HostRow, trigger: Trigger
) -> Verdict:
    deployment, began = parse(row.specification()), ledger.time()
    seen = facts.look(clients, deployment, ledger, row, host)
    _watch(ledger, row, since=None if seen.answers else began)
    return diagnosis.judged(ledger, row, seen, host, trigger)


def _started(clients: Clients, ledger: Ledger, host: HostRow, why: str) -> str:
    """A workflow's name says what it is about: two looks at one difference start one."""
    now = ledger.now()
    trigger = Trigger(f"a look at what is there: {why}", str(host.instance_id), RECONCILER)
    mark = f"look-{now:%Y%m%dT%H%M}"
    started = triggers.start(clients, ledger, host, trigger, mark)
    return f"started {started}: {why}" if started else f"{why}; a repair was started a moment ago"


def _watch(ledger: Ledger, row: DeploymentRow, since: str | None) -> None:
    """Keep since when the endpoint does not answer; None: it does."""
    if (since is None) == (row.unanswered_at is None):
        return
    ledger.change("deployment", {"unanswered_at": since}, "attribute_exists(pk)")
