"""The EC2 instance that serves: one per generation, launched with exactly one token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation import ownership
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import settled, the, wait_until_visible
from orchestrator.errors import HostLost, Pending, Refused
from orchestrator.launch import run_instances
from orchestrator.ledger.attributes import Row
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

ROLE = "instance"
ALIVE = ("pending", "running")
LOST = ("stopping", "stopped", "shutting-down", "terminated", "absent")
_EXISTING = [*ALIVE, "stopping", "stopped", "shutting-down"]


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    spec = deployment.instance
    what = f"{spec.market} {spec.type}, {spec.root_volume_gib} GiB encrypted root"
    alive = any(found["State"]["Name"] in ALIVE for found in _ours(clients, ledger))
    return [planned("instance", what, there=alive)]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return {"instance_id", "generation"} of a live instance.

    An instance of the current generation that was stopped or terminated is not started again:
    the generation grows and a new one is launched.
    """
    generation = ledger.generation()
    row = ledger.resource(_role(generation)) or {}
    if "id" in row and _is_lost(clients, row["id"], young=ledger.is_young(row)):
        generation += 1
        ledger.record(generation=generation)
    launched = once(
        ledger,
        _role(generation),
        lambda: _of_generation(clients, ledger, generation),
        lambda intent: run_instances.launch(clients, deployment, intent),
        tokened=True,
        prepare=lambda: {"request": json.dumps(run_instances.request(clients, deployment, ledger))},
    )
    if ledger.deployment().get("instance_id") != launched:
        unheard = dict.fromkeys(("phase_percent", "phase_cause", "reported_at", "warnings"))
        ledger.record(instance_id=launched, phase="launched", **unheard)
        ledger.note(
            "instance", f"launched {launched}, generation {generation}", instance_id=launched
        )
    return {"instance_id": launched, "generation": generation}


def replace(
    clients: Clients, deployment: Deployment, ledger: Ledger, generation: int
) -> dict[str, Any]:
    """Return the instance that follows this generation; running it twice launches one."""
    if ledger.generation() == generation:
        ledger.record(generation=generation + 1)
    return ensure(clients, deployment, ledger)


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Terminate every instance of ours; Pending until they are gone."""
    rows = list(_rows(ledger))
    for row in rows:
        settled(ledger, row["role"])
        if "id" in row and state(clients, row["id"]) == "absent":
            wait_until_visible(ledger, row["role"])
    found = _found(clients, ledger)
    remembered = {row["id"] for row in rows if "id" in row and _exists(clients, row["id"])}
    ending = {*found.ours, *remembered} - set(found.others)
    _terminate(clients, ending)
    left = sorted(i for i in ending if _exists(clients, i))
    if left:
        raise Pending(f"shutting down: {', '.join(left)}")
    for row in rows:
        ledger.forget(row["role"])


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return our instances that are not terminated, and the volumes that some left behind."""
    volumes = ownership.tagged(clients, ledger, only="volume").ours
    return [*(f"instance {each}" for each in _found(clients, ledger).ours), *volumes]


def destroy_predecessors(clients: Clients, ledger: Ledger) -> None:
    """Terminate every instance of ours but the current one, which serves."""
    row = ledger.deployment()
    current = row.get("instance_id")
    _terminate(clients, set(_found(clients, ledger).ours) - {current})
    for old in _rows(ledger):
        if old["role"] != _role(row["generation"]):
            ledger.forget(old["role"])


def must_run(clients: Clients, ledger: Ledger, instance_id: str) -> None:
    """Raise Pending until the instance runs, HostLost when it is gone.

    Refused, with EC2's reason, when another one would not start either.
    """
    described = describe(clients, instance_id)
    role = _role(ledger.generation())
    found = the([described] if described else [], ledger, role)
    name = found["State"]["Name"]
    if name in LOST:
        reason = found.get("StateReason", {})
        why = f"{instance_id} is {name}: {reason.get('Message', 'EC2 gives no reason')}"
        if _is_our_doing(reason.get("Code", "")):
            raise Refused(f"{why}; start again for another one")
        raise HostLost(why)
    if name != "running":
        raise Pending(f"{instance_id} is {name}; the address needs a running instance")


def must_not_be_lost(clients: Clients, instance_id: str) -> None:
    """Raise HostLost when EC2 says that the instance was stopped or terminated."""
    name = state(clients, instance_id)
    if name in LOST and name != "absent":  # a young one may not be visible yet
        raise HostLost(f"{instance_id} is {name}")


def state(clients: Clients, instance_id: str) -> str:
    """Return EC2's state name, 'absent' when EC2 does not know the instance (any more)."""
    found = describe(clients, instance_id)
    return found["State"]["Name"] if found else "absent"


def describe(clients: Clients, instance_id: str) -> InstanceTypeDef | None:
    with tolerating("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"):
        described = clients.ec2.describe_instances(InstanceIds=[instance_id])
        for found in (i for each in described["Reservations"] for i in each["Instances"]):
            return found
    return None


def _is_our_doing(reason: str) -> bool:
    """Return whether EC2 could not start what we asked for, a disk or a key for example.

    reason: EC2's StateReason code; the launch itself was accepted.
    """
    return reason.startswith("Client.") and not reason.endswith("InitiatedShutdown")


def _is_lost(clients: Clients, instance_id: str, *, young: bool) -> bool:
    """Return whether the instance will not serve again; a young one may just not be visible."""
    found = state(clients, instance_id)
    return not young if found == "absent" else found not in ALIVE


def _terminate(clients: Clients, instances: set[str]) -> None:
    if instances:  # AWS refuses an empty list
        with tolerating("InvalidInstanceID.NotFound"):
            clients.ec2.terminate_instances(InstanceIds=sorted(instances))


def _exists(clients: Clients, instance_id: str) -> bool:
    return state(clients, instance_id) not in {"terminated", "absent"}


def _found(clients: Clients, ledger: Ledger) -> Found:
    there = _described(clients, ledger)
    return sort(ledger, ((found["InstanceId"], found["Tags"]) for found in there))


def _ours(clients: Clients, ledger: Ledger) -> Iterator[InstanceTypeDef]:
    there = list(_described(clients, ledger))
    ours = sort(ledger, ((found["InstanceId"], found["Tags"]) for found in there)).ours
    yield from (found for found in there if found["InstanceId"] in ours)


def _described(clients: Clients, ledger: Ledger) -> Iterator[InstanceTypeDef]:
    filters = [
        *naming.owned(ledger.name, ROLE),
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
        if each["State"]["Name"] in ALIVE
        and {"Key": naming.GENERATION, "Value": str(generation)} in each["Tags"]
    }
    return Found([i for i in found.ours if i in alive], found.others)


def _rows(ledger: Ledger) -> Iterator[Row]:
    """Yield the ledger's instance rows with their role, e.g. instance-3."""
    for row in ledger.rows():
        role = row["sk"].removeprefix("resource#")
        if role.startswith(f"{ROLE}-"):
            yield {**row, "role": role}


def _role(generation: int) -> str:
    return f"{ROLE}-{generation}"
