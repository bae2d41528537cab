"""The deployment's CloudWatch alarms, which follow the host that serves (aws/alarms.py has them).

No action repairs: CloudWatch sends every change of an alarm's state to EventBridge by itself.

PutMetricAlarm takes tags only when it makes the alarm. It gets them each time, as IAM asks for them
in every request; nothing mends them, because the tags of a live deployment do not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import alarms, naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation.drift import Drift, differing, mend, settle
from orchestrator.creation.ownership import conflict, has_lost_its_tags, lost, owns
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import Pending
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_ROLE = "alarms"
_INSTANCE = "Dimensions"  # what changes with every host
_GONE = "ResourceNotFound"

Documents = Mapping[str, dict[str, Any]]


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    """Return a line for the alarms that are there, and one for those that are not."""
    there, serving = _ours(clients, ledger), ledger.serving()
    wanted = _wanted(clients, deployment, str(serving.instance_id) if serving else "")
    kept, made = sorted(wanted.keys() & there.keys()), sorted(wanted.keys() - there.keys())
    changes = [
        planned(_ROLE, _shown(ledger, names), there=names is kept)
        for names in (kept, made)
        if names
    ]
    if serving:
        drifts = _drifts(clients, deployment, wanted, there)
        changes += differing(_ROLE, (drift for drift, _ in drifts))
    return changes


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, list[str]]:
    """Return {"alarms": names}; those of the instance watch the host that serves.

    ResourceConflict when one of the names is another's; Pending before a host served.
    """
    serving = ledger.serving()
    if serving is None or serving.instance_id is None:
        raise Pending("no host serves yet")
    there, wanted = _ours(clients, ledger), _wanted(clients, deployment, serving.instance_id)
    row, missing = ledger.resource(_ROLE), sorted(wanted.keys() - there.keys())
    if missing or row is None or row.state != "ready":
        ledger.intend(_ROLE, names=" ".join(sorted(wanted)))
        for name in missing:
            _put(clients, deployment, wanted[name])
        ledger.ready(_ROLE)
    for drift, is_news in _drifts(clients, deployment, wanted, there):
        if is_news:
            mend(ledger, _ROLE, [drift])
        else:
            settle(drift)
    return {"alarms": sorted(wanted)}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete the deployment's alarms; one of the same name that is not ours stays.

    ResourceConflict when one was ours and has lost its tags; the others are deleted nevertheless.
    """
    there = _there(clients, ledger)
    _must_be_visible(ledger, there)
    ours = [name for name, (_, tags) in there.items() if owns(ledger, tags, name)]
    if ours:
        _delete(clients, ledger, ours)
    for name, (_, tags) in there.items():
        if has_lost_its_tags(ledger, _ROLE, tags):
            raise lost(ledger, f"the CloudWatch alarm {name!r}")
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for every alarm that is there and ours, its tags lost or not."""
    return [
        f"CloudWatch alarm {name}"
        for name, (_, tags) in _there(clients, ledger).items()
        if owns(ledger, tags, name) or has_lost_its_tags(ledger, _ROLE, tags)
    ]


def must_be_free(clients: Clients, ledger: Ledger) -> None:
    """Raise ResourceConflict when the name of an alarm is taken."""
    _ours(clients, ledger)


def _wanted(clients: Clients, deployment: Deployment, instance_id: str) -> Documents:
    settings = clients.settings
    documents = (
        alarms.document(
            rule, settings.installation, deployment.name, instance_id, settings.notice_topic
        )
        for rule in alarms.rules(deployment)
    )
    return {each["AlarmName"]: each for each in documents}


def _drifts(
    clients: Clients, deployment: Deployment, wanted: Documents, there: Documents
) -> Iterator[tuple[Drift, bool]]:
    """Yield each alarm that is set otherwise, and whether more than its instance is."""
    for name in sorted(wanted.keys() & there.keys()):
        document = wanted[name]
        others = [key for key, value in document.items() if there[name].get(key) != value]
        if others:
            what = f"CloudWatch alarm {name} has another {', '.join(others)}"
            change = partial(_put, clients, deployment, document)
            drift = Drift(what, "it watches the host that serves, as specified", change)
            yield drift, others != [_INSTANCE]


def _put(clients: Clients, deployment: Deployment, document: dict[str, Any]) -> None:
    """Make the alarm, or set it anew: its state stays until CloudWatch looks again."""
    installation = clients.settings.installation
    what = document["AlarmName"].removeprefix(naming.alarm(installation, deployment.name, ""))
    tags = naming.tags(installation, deployment, what)
    clients.cloudwatch.put_metric_alarm(**document, Tags=tags)


def _delete(clients: Clients, ledger: Ledger, names: list[str]) -> None:
    """Delete them in one call, of which CloudWatch does nothing if one is not there any more.

    IAM, which reads the tags first, may deny that instead. Pending: looking again helps.
    """
    try:
        clients.cloudwatch.delete_alarms(AlarmNames=names)
    except ClientError as error:
        if code(error) != _GONE and _there(clients, ledger).keys() >= set(names):
            raise
        raise Pending("a CloudWatch alarm was deleted meanwhile: looking again") from error


def _must_be_visible(ledger: Ledger, there: Mapping[str, Any]) -> None:
    """Raise Pending while one that was made a moment ago may not be shown yet."""
    row = ledger.resource(_ROLE)
    names = set(row.facts.get("names", "").split()) if row else set()
    if row and names - there.keys() and ledger.is_young(row):
        raise Pending("CloudWatch alarms may have been made a moment ago, not visible yet")


def _ours(clients: Clients, ledger: Ledger) -> Documents:
    """Return our alarms as CloudWatch shows them; ResourceConflict: one is not ours."""
    there = _there(clients, ledger)
    for name, (_, tags) in there.items():
        if not owns(ledger, tags, name):
            raise conflict(ledger, f"the CloudWatch alarm {name!r}", tags)
    return {name: described for name, (described, _) in there.items()}


def _there(clients: Clients, ledger: Ledger) -> dict[str, tuple[dict[str, Any], list[Any]]]:
    """Return what has the name of an alarm of ours, as CloudWatch shows it, with its tags."""
    names = [naming.alarm(ledger.installation, ledger.name, what) for what in naming.ALARMS]
    described = clients.cloudwatch.describe_alarms(AlarmNames=names, MaxRecords=len(names))
    there = {}
    for alarm in sorted(described["MetricAlarms"], key=lambda each: each["AlarmName"]):
        with tolerating("ResourceNotFoundException"):  # gone since
            listed = clients.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])
            there[alarm["AlarmName"]] = alarm, listed["Tags"]
    return there


def _shown(ledger: Ledger, names: list[str]) -> str:
    return f"{len(names)} CloudWatch alarms {naming.alarm(ledger.installation, ledger.name, '*')}"
