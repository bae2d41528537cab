"""The deployment's schedules at EventBridge Scheduler (documents.py has them).

Schedules carry no tags, their group does: it is the installation's, made by template.yaml, and IAM
lets the steps change nothing outside of it. In it a deployment's schedules begin with its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import Pending
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.schedules import documents
from orchestrator.spec.deployment import Deployment

ROLE = "schedule"
_GONE = "ResourceNotFoundException"
_TOKEN = 48  # characters, of at most 64

Documents = Mapping[str, dict[str, Any]]


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    """Return a line for each schedule, and for each that is not wanted any more."""
    wanted, there = documents.wanted(clients.settings, deployment), _there(clients, ledger)
    lines = [planned(ROLE, _shown(name, wanted[name]), there=name in there) for name in wanted]
    return lines + differing(ROLE, _drifts(clients, wanted, there))


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, list[str]]:
    """Return {"schedules": names}; none for a deployment that runs all the time.

    What was wanted before is deleted. Pending: one was made or deleted meanwhile.
    """
    wanted, there = documents.wanted(clients.settings, deployment), _there(clients, ledger)
    row, missing = ledger.resource(ROLE), sorted(wanted.keys() - there.keys())
    drifts = list(_drifts(clients, wanted, there))
    if missing or drifts or (wanted and (row is None or row.state != "ready")):
        intent = _intent(ledger, row, wanted)
        for name in missing:
            _create(clients, name, wanted[name], intent)
        mend(ledger, ROLE, drifts)
        ledger.ready(ROLE, since=ledger.time())
    if not wanted:
        ledger.forget(ROLE)
    return {"schedules": sorted(wanted)}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete the deployment's schedules; Pending while one may not be visible yet."""
    there, row = _names(clients, ledger), ledger.resource(ROLE)
    made = set(row.facts.get("names", "").split()) if row else set()
    for name in there:
        _delete(clients, name)
    if row and made - set(there) and row.state == "intent" and ledger.is_young(row):
        raise Pending("schedules may have been made a moment ago, not visible yet")
    ledger.forget(ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for every schedule of the deployment that is there."""
    return [f"EventBridge schedule {name}" for name in _names(clients, ledger)]


def _drifts(clients: Clients, wanted: Documents, there: Documents) -> Iterator[Drift]:
    """Yield each schedule that is set otherwise, and each that is not wanted."""
    for name, found in there.items():
        if name not in wanted:
            yield Drift(
                f"EventBridge schedule {name} is there",
                "the specification has no such time",
                partial(_delete, clients, name),
            )
            continue
        others = [key for key, value in wanted[name].items() if found.get(key) != value]
        if others:
            what = f"EventBridge schedule {name} has another {', '.join(others)}"
            set_anew = partial(_update, clients, name, wanted[name])
            yield Drift(what, _shown(name, wanted[name]), set_anew)


def _intent(ledger: Ledger, row: ResourceRow | None, wanted: Documents) -> ResourceRow:
    """Return the intent to make them; that of a step that died is resumed, its tokens too."""
    names = " ".join(sorted(wanted))
    if row and row.state == "intent" and row.facts.get("names") == names:
        return row
    return ledger.intend(ROLE, names=names)


def _create(clients: Clients, name: str, document: dict[str, Any], intent: ResourceRow) -> None:
    """Make one; that it is there already means that a call before this one did."""
    text = f"{clients.settings.installation}/{name}/{document}/{intent.intended_at}"
    token = hashlib.sha256(text.encode()).hexdigest()[:_TOKEN]
    try:
        clients.scheduler.create_schedule(
            GroupName=clients.settings.schedule_group, Name=name, ClientToken=token, **document
        )
    except ClientError as error:
        if code(error) != "ConflictException":
            raise
        raise Pending(f"the schedule {name} was made a moment ago: looking again") from error


def _update(clients: Clients, name: str, document: dict[str, Any]) -> None:
    group = clients.settings.schedule_group
    clients.scheduler.update_schedule(GroupName=group, Name=name, **document)


def _delete(clients: Clients, name: str) -> None:
    with tolerating(_GONE):
        clients.scheduler.delete_schedule(GroupName=clients.settings.schedule_group, Name=name)


def _there(clients: Clients, ledger: Ledger) -> Documents:
    """Return what there is of the deployment, as Scheduler shows it."""
    found = {}
    for name in _names(clients, ledger):
        with tolerating(_GONE):  # since
            group = clients.settings.schedule_group
            found[name] = clients.scheduler.get_schedule(GroupName=group, Name=name)
    return found


def _names(clients: Clients, ledger: Ledger) -> list[str]:
    pages = clients.scheduler.get_paginator("list_schedules").paginate(
        GroupName=clients.settings.schedule_group, NamePrefix=naming.schedule(ledger.name, "")
    )
    return sorted(each["Name"] for page in pages for each in page["Schedules"])


def _shown(name: str, document: Mapping[str, Any]) -> str:
    zone = document["ScheduleExpressionTimezone"]
    return f"EventBridge schedule {name}: {document['ScheduleExpression']} in {zone}"
