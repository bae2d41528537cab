"""The EC2 instances that serve: one per generation, launched with exactly one token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.capacity.spending import at_launch
from orchestrator.capacity.spending.forgetting import forget
from orchestrator.creation import ownership
from orchestrator.creation.drift import differing, mend
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import ById, settled, wait_until_visible
from orchestrator.errors import InsufficientCapacity, Pending, Refused
from orchestrator.launch import attributes, instances, run_instances, search
from orchestrator.ledger.rows import STOP, WAITING, HostRow, ResourceRow, Role
from orchestrator.ledger.store import Ledger
from orchestrator.resources import keys
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import digest

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

_EXISTING = [*instances.ALIVE, "stopping", "stopped", "shutting-down"]
_COSTS_UNTIL = {
    **dict.fromkeys(("shutting-down", "terminated"), "ended_at"),
    **dict.fromkeys(("stopping", "stopped"), "stopped_at"),
}
_REMEMBERED = 10  # ended hosts whose rows stay


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    spec = deployment.instance
    types = " or ".join(spec.preferred_types)
    what = f"{spec.market} {types}, {spec.root_volume_gib} GiB encrypted root"
    alive = [found for found in _ours(clients, ledger) if found["State"]["Name"] in instances.ALIVE]
    return [
        planned("instance", what, there=bool(alive)),
        *differing("instance", (d for a in alive for d in attributes.drifts(clients, ledger, a))),
    ]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return {"instance_id", "generation", "wait_seconds"} of the host that serves, if EC2 has it
    and the workflow makes no change that needs another.

    Else of a candidate: one that was stopped or terminated is not started again. While no pool has
    capacity: without an instance, and wait_seconds until `replace` of that generation goes on.
    """
    serving, row = ledger.serving(), ledger.deployment()
    changes = row.changes_by(ledger.owner) and row.next_host
    if serving and not changes and not _is_lost(clients, ledger, serving):
        if found := instances.describe(clients, str(serving.instance_id)):
            mend(ledger, "instance", attributes.drifts(clients, ledger, found))
        return _answer(serving.instance_id, serving.generation)
    after = serving.generation if serving else 0
    return _candidate(clients, deployment, ledger, after=after, repairing=False)


def replace(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    generation: int,
    *,
    repairing: bool = False,
) -> dict[str, Any]:
    """Return a candidate that follows this generation, as `ensure`; twice launches one.

    repairing: capacity is waited for as long as a repair may, not as long as a provision.
    """
    _note_end(clients, ledger, ledger.host(generation))
    return _candidate(clients, deployment, ledger, after=generation, repairing=repairing)


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Terminate every instance of ours; Pending until they are gone."""
    rows = _rows(ledger)
    for row in rows:
        settled(ledger, row.kind)
        if row.id and instances.state(clients, row.id) == "absent":
            wait_until_visible(ledger, row.kind)
    found = _found(clients, ledger)
    remembered = {row.id for row in rows if row.id and instances.exists(clients, row.id)}
    ending = {*found.ours, *remembered} - set(found.others)
    _terminate(clients, ending)
    left = sorted(i for i in ending if instances.exists(clients, i))
    if left:
        raise Pending(f"shutting down: {', '.join(left)}")
    for row in rows:
        ledger.forget(row.kind)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return our instances that are not terminated, and the volumes that some left behind."""
    volumes = ownership.tagged(clients, ledger, only="volume").ours
    return [*(f"instance {each}" for each in _found(clients, ledger).ours), *volumes]


def destroy_predecessors(clients: Clients, ledger: Ledger) -> None:
    """Terminate every instance of ours but the one that serves."""
    _end(clients, ledger, [host for host in ledger.hosts() if host.role == Role.SERVING])


def destroy_candidates(clients: Clients, ledger: Ledger) -> None:
    """After a failure: terminate what has not proved itself, and leave what serves or drains.

    A first provision keeps its candidate: the specification says what becomes of it. One of a
    change that replaces what has ended goes: a repair launches what served before.
    """
    kept = [host for host in ledger.hosts() if host.role in {Role.SERVING, Role.DRAINING}]
    if kept or ledger.deployment().changes_by(ledger.owner):
        _end(clients, ledger, kept)
    else:
        _terminate(clients, _given_up(clients, ledger))


def destroy_replaced(clients: Clients, ledger: Ledger) -> None:
    """Terminate the host that serves, which has drained: its successor is launched after it."""
    host = ledger.serving()
    if host and host.planned == STOP:
        _end(clients, ledger, [])


def withdraw_order(clients: Clients, ledger: Ledger) -> None:
    """Withdraw what the host that serves was ordered: it is stopped, or goes on serving."""
    host = ledger.serving()
    if host and host.instance_id:
        _withdraw(clients, ledger, host)
        if host.planned == STOP and instances.state(clients, host.instance_id) in instances.ALIVE:
            ledger.set_host(host.generation, planned=None, planned_at=None)


def withdraw_orders(clients: Clients, ledger: Ledger) -> None:
    """Withdraw what the predecessors of the one that serves were ordered: one is taken back."""
    serving = ledger.serving()
    for host in ledger.hosts():
        if host.role == Role.DRAINING and serving and host.generation < serving.generation:
            _withdraw(clients, ledger, host)


def has_shared_role(clients: Clients, ledger: Ledger, generation: int) -> bool:
    """Return whether the previous version launched this host, with the role that all its hosts
    share; that version kept the request in the ledger.
    """
    row = ledger.resource(_role(generation))
    request = json.loads(row.facts.get("request", "{}")) if row else {}
    profile = request.get("IamInstanceProfile", {}).get("Name")
    return bool(profile == clients.settings.earlier_profile)


def _candidate(
    clients: Clients, deployment: Deployment, ledger: Ledger, *, after: int, repairing: bool
) -> dict[str, Any]:
    """Return the newest candidate of a generation above `after`; launch one when there is none.

    The candidates that will not serve are given up, and so are those of another specification.
    """
    usable, wanted = None, digest(deployment.document())
    for host in (each for each in ledger.hosts() if each.role == Role.CANDIDATE):
        is_lost = _is_lost(clients, ledger, host)
        if is_lost and instances.taken_back(clients, str(host.instance_id)):
            search.rest_pool(ledger, ledger.resource(_role(host.generation)))
        fits = host.spec_digest in {None, wanted}  # None: an earlier version's
        if host.generation <= after or is_lost or not fits or host.phase == "failed":
            ledger.set_host(host.generation, role=Role.RETIRED, ended_at=ledger.time())
        else:
            usable = host
    _terminate(clients, _given_up(clients, ledger))  # they fill a quota
    host = usable or _next(ledger, wanted)
    launch = _launched(clients, deployment, ledger, host, repairing=repairing)
    if launch.instance_id is None:
        return _answer(None, after, launch.wait_seconds)
    return _answer(launch.instance_id, host.generation)


def _note_end(clients: Clients, ledger: Ledger, host: HostRow | None) -> None:
    """Write down since when a host costs nothing any more, or its disk and its address only."""
    if host is None or host.instance_id is None or host.ended_at or host.stopped_at:
        return
    found = instances.state(clients, host.instance_id)
    if found in _COSTS_UNTIL:
        ledger.set_host(host.generation, **{_COSTS_UNTIL[found]: ledger.time()})


def _answer(instance_id: str | None, generation: int, wait_seconds: int = 0) -> dict[str, Any]:
    return {"instance_id": instance_id, "generation": generation, "wait_seconds": wait_seconds}


def _given_up(clients: Clients, ledger: Ledger) -> set[str]:
    """Return our instances whose hosts have no role any more.

    A launch whose answer was lost is in no host's row: its tag names the generation.
    """
    retired = [host for host in ledger.hosts() if host.role == Role.RETIRED]
    ids = {host.instance_id for host in retired}
    marks = [{"Key": naming.GENERATION, "Value": str(host.generation)} for host in retired]
    return {
        found["InstanceId"]
        for found in _ours(clients, ledger)
        if found["InstanceId"] in ids or any(mark in found["Tags"] for mark in marks)
    }


def _next(ledger: Ledger, spec_digest: str) -> HostRow:
    """Write down a candidate with a number that no host had before."""
    row = ledger.deployment()
    numbers = (host.generation for host in ledger.hosts())
    generation = max(row.latest_generation, row.generation, *numbers) + 1
    ledger.record(latest_generation=generation)
    ledger.set_host(generation, role=Role.CANDIDATE, spec_digest=spec_digest)
    return HostRow(generation=generation)


def _launched(
    clients: Clients, deployment: Deployment, ledger: Ledger, host: HostRow, *, repairing: bool
) -> search.Launch:
    """Launch the host, and write down what became of it: `lamplighter status` shows that."""
    generation = host.generation
    try:
        launch = search.launched(
            clients,
            deployment,
            ledger,
            generation,
            lambda: _of_generation(clients, ledger, generation),
            ById(
                lambda each: [each] if instances.state(clients, each) in instances.ALIVE else [],
                instances.NOT_FOUND,
            ),
            repairing=repairing,
        )
    except (InsufficientCapacity, Refused):
        if host.phase == WAITING:
            ledger.set_host(generation, phase=None, cause=None)
        raise
    if launch.instance_id is None:
        if host.phase != WAITING:
            ledger.note("instance", f"no capacity for {launch.waiting_for}")
        ledger.set_host(generation, phase=WAITING, cause=launch.waiting_for)
    elif host.instance_id != launch.instance_id:
        facts = {"phase": "launched", "cause": None, "launched_at": ledger.time()}
        facts |= _priced(clients, deployment, ledger, generation)
        ledger.set_host(generation, instance_id=launch.instance_id, **facts)
        text = f"launched {launch.instance_id}, generation {generation}"
        ledger.note("instance", text, instance_id=launch.instance_id)
    return launch


def _priced(
    clients: Clients, deployment: Deployment, ledger: Ledger, generation: int
) -> dict[str, Any]:
    """Return the host's pool and prices; nothing where an earlier version began the launch."""
    intent = ledger.resource(_role(generation))
    if intent is None or "pool" not in intent.facts:
        return {}
    size = deployment.instance.root_volume_gib
    return at_launch.facts(run_instances.pool_of(intent), clients.settings.region, size)


def _end(clients: Clients, ledger: Ledger, kept: list[HostRow]) -> None:
    """Terminate every instance of ours but those of `kept`, with the order that it got.

    Forget the oldest of the ended.
    """
    # By number: a report may have changed their rows meanwhile.
    staying = {host.generation for host in kept}
    ended = [host for host in ledger.hosts() if host.generation not in staying]
    known = {h.instance_id for h in ended if h.instance_id and h.role != Role.RETIRED}
    untagged_yet = {each for each in known if instances.exists(clients, each)}
    ours = {*_found(clients, ledger).ours, *untagged_yet}
    _terminate(clients, ours - {str(host.instance_id) for host in kept})
    for host in ended:
        if host.role == Role.DRAINING or host.planned == STOP:
            _withdraw(clients, ledger, host)
        if host.role != Role.RETIRED or host.ended_at is None or host.planned:
            gone = {"ended_at": host.ended_at or ledger.time(), "planned": None, "planned_at": None}
            ledger.set_host(host.generation, role=Role.RETIRED, **gone)
    forget(ledger, *(host.generation for host in ended[:-_REMEMBERED]))
    roles = {_role(generation) for generation in staying}
    for row in _rows(ledger):
        if row.kind not in roles:
            ledger.forget(row.kind)


def _withdraw(clients: Clients, ledger: Ledger, host: HostRow) -> None:
    order = naming.order_parameter(ledger.name, str(host.instance_id))
    # IAM denies what carries no tag of ours, also what is not there.
    if keys.tags_of(clients, order) is not None:
        with tolerating("ParameterNotFound"):
            clients.ssm.delete_parameter(Name=order)


def _is_lost(clients: Clients, ledger: Ledger, host: HostRow) -> bool:
    """Return whether the host will not serve again; a young one may just not be visible.

    One that was not launched yet may be.
    """
    if host.instance_id is None:
        return False
    found = instances.state(clients, host.instance_id)
    if found != "absent":
        return found not in instances.ALIVE
    row = ledger.resource(_role(host.generation))
    return row is None or not ledger.is_young(row)


def _terminate(clients: Clients, ids: set[str]) -> None:
    if ids:  # AWS refuses an empty list
        with tolerating(instances.NOT_FOUND):
            clients.ec2.terminate_instances(InstanceIds=sorted(ids))


def _found(clients: Clients, ledger: Ledger) -> Found:
    there = _described(clients, ledger)
    return sort(ledger, ((found["InstanceId"], found["Tags"]) for found in there))


def _ours(clients: Clients, ledger: Ledger) -> Iterator[InstanceTypeDef]:
    there = list(_described(clients, ledger))
    ours = sort(ledger, ((found["InstanceId"], found["Tags"]) for found in there)).ours
    yield from (found for found in there if found["InstanceId"] in ours)


def _described(clients: Clients, ledger: Ledger) -> Iterator[InstanceTypeDef]:
    filters = [
        *naming.owned(ledger.name, instances.ROLE),
        {"Name": "instance-state-name", "Values": _EXISTING},
    ]
    for page in clients.ec2.get_paginator("describe_instances").paginate(Filters=filters):
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def _of_generation(clients: Clients, ledger: Ledger, generation: int) -> Found:
    """Return our instances of the generation that live, and whatever is not ours."""
    there = list(_described(clients, ledger))
    found = sort(ledger, ((each["InstanceId"], each["Tags"]) for each in there))
    alive = {
        each["InstanceId"]
        for each in there
        if each["State"]["Name"] in instances.ALIVE
        and {"Key": naming.GENERATION, "Value": str(generation)} in each["Tags"]
    }
    return Found([i for i in found.ours if i in alive], found.others)


def _rows(ledger: Ledger) -> list[ResourceRow]:
    """Return the ledger's rows of instances, e.g. of the kind instance-3."""
    return [row for row in ledger.resources() if row.kind.startswith(f"{instances.ROLE}-")]


def _role(generation: int) -> str:
    return f"{instances.ROLE}-{generation}"
