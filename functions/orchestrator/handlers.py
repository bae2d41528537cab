"""Lambda entry points: NetworkFunction in template.yaml = network_function here.

State EnsureNetwork = the verb `ensure` of NetworkFunction = resources/network.py: ensure.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from orchestrator.deployments import inventory, lifecycle, orphans, planning, stopping
from orchestrator.errors import Superseded
from orchestrator.events import (
    deletion,
    host_reports,
    instance_events,
    looks,
    published_notices,
    wake_requests,
)
from orchestrator.hosts import canary, draining, halting, recovery, serving, taking_back, traffic
from orchestrator.ledger import lock
from orchestrator.ledger.rows import HALTED
from orchestrator.ledger.store import Ledger
from orchestrator.notices import sending, texts, webhook
from orchestrator.observability import count
from orchestrator.own_names import own_name
from orchestrator.repair import incidents, pauses
from orchestrator.repair.triggers import Trigger
from orchestrator.resources import (
    Resource,
    address,
    alarms,
    bucket,
    dns,
    image,
    instance,
    keys,
    network,
    registry,
    role,
    scripts,
)
from orchestrator.schedules import schedule
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse
from orchestrator.spec.request import Request
from orchestrator.step import (
    Event,
    Function,
    Verb,
    aws,
    clearing,
    ledger_of,
    logged,
    recording,
    step,
)


def of(resource: Resource, **more: Verb) -> Function:
    """Return the function of a resource. more: its verbs besides ensure and destroy."""
    present = step(resource.ensure, desired="present")
    return Function(ensure=present, destroy=clearing(resource.destroy), **more)


def requested(event: Event) -> tuple[Deployment, Ledger, Request]:
    """Return the deployment of the event's own specification, before or beside the ledger's."""
    request = Request.of(event["spec"])
    if request.is_of_what_serves:
        ledger = ledger_of({**event, "name": request.document["name"]})
        return parse(ledger.specification()), ledger, request
    deployment = parse(request.document)
    return deployment, ledger_of({**event, "name": deployment.name}), request


def planned(event: Event) -> dict[str, Any]:
    deployment, ledger, request = requested(event)
    config, sequences = event.get("model_config"), event.get("sequences", 1)
    return planning.plan(aws(), deployment, ledger, config, sequences, rotate=request.rotate)


def retire(event: Event) -> None:
    """Also ends a workflow that waits for a host: it holds the lock that teardown needs."""
    force, swept = event.get("force", False), event.get("swept", False)
    for token in lifecycle.retire(ledger_of(event), force=force, swept=swept):
        serving.stop_waiting(aws(), token)


def request_stop(event: Event) -> None:
    """Also ends a workflow that waits for a host: it holds the lock that the stop needs."""
    asked = {key: event[key] for key in ("by", "sleep", "idle", "asked_by") if event.get(key)}
    for token in stopping.request_stop(ledger_of(event), **asked):
        serving.stop_waiting(aws(), token, "being stopped")


def acquire(event: Event) -> None:
    """What an earlier version wrote is read from here on as this one writes it."""
    ledger = ledger_of(event)
    lock.acquire(ledger, aws().sfn, aws().settings.step_seconds)
    ledger.adopt_earlier_host()


def report_failure(event: Event) -> dict[str, Any]:
    """Write the reason down if this workflow still owns the lock; return it with {"rollback"}."""
    ledger, is_announced = ledger_of(event), False
    workflow, error, cause = event["workflow"], event["error"], event["cause"]
    failed = lifecycle.record_failure(ledger, workflow, error, cause, aws().settings)
    with suppress(Superseded):
        is_announced = incidents.abandon(aws(), ledger, event["opened_at"], error, failed["cause"])
    # Else people would get a notice and an alarm, or one about what an operator did.
    if not is_announced and error != "Superseded":
        count("WorkflowFailed")
    return failed


def send_test(_: Event) -> dict[str, Any]:
    """Publish a test notice; return where notices go."""
    clients = aws()
    sending.publish(clients, texts.test(clients.settings, clients.now().isoformat()))
    return webhook.recipients(clients)


# ---- one per resource: what it is made of, and who may change it

network_function = of(network, set_firewall=step(network.set_firewall, desired="present"))
registry_function = of(registry)
bucket_function = of(bucket)
image_function = of(image)
role_function = of(
    role,
    narrow=step(role.narrow, desired="present"),
    restore=step(role.narrow, desired="present"),
)
scripts_function = of(scripts)
keys_function = of(keys)
instance_function = of(
    instance,
    replace=step(instance.replace, desired="present"),
    destroy_predecessors=clearing(instance.destroy_predecessors),
    destroy_candidates=clearing(instance.destroy_candidates),
    withdraw_order=clearing(instance.withdraw_order),
    destroy_replaced=clearing(instance.destroy_replaced, desired="present"),
    withdraw_orders=clearing(instance.withdraw_orders, desired="present"),
)
address_function = of(address, release_addresses=clearing(address.release_addresses))
dns_function = of(
    dns,
    lead_to_waker=step(dns.ensure, desired=HALTED),
    lead_back=step(dns.ensure),
)
alarms_function = of(alarms)
schedule_function = of(schedule)
own_name_function = of(own_name, finish=step(own_name.ensure, desired=HALTED))

# ---- one per record of ours: the deployment's row, its lock, the wait for its host, a repair

deployment_function = Function(
    begin=lambda event: lifecycle.begin(*requested(event)),
    record=recording(lifecycle.record_serving, desired="present"),
    retire=retire,
    begin_teardown=recording(lifecycle.start_teardown),
    end_teardown=recording(lifecycle.end_teardown),
    request_stop=request_stop,
    begin_stop=step(stopping.begin_stop),
    record_stop=recording(stopping.record_stop, desired=HALTED),
    begin_start=recording(stopping.begin_start),
    abandon_start=recording(stopping.abandon_start),
    report_failure=report_failure,
)
lock_function = Function(
    acquire=acquire,
    release=lambda event: lock.release(ledger_of(event)),
)
serving_function = Function(
    await_=step(serving.await_, desired="present"),
    await_recovery=step(serving.await_, desired="present"),
    canary=step(canary.ask, desired="present"),
    prove_service=step(serving.prove_service, desired="present"),
    await_capacity=recording(serving.await_capacity, desired="present"),
    promote_host=step(traffic.promote_host, desired="present"),
    take_back=step(taking_back.take_back, desired="present"),
    drain_first=step(draining.drain_first, desired="present"),
    drain_predecessors=step(draining.drain_predecessors, desired="present"),
    drain_replaced=step(draining.drain_replaced, desired="present"),
    drain_host=step(draining.drain_host, desired=HALTED),
)
incident_function = Function(
    check=step(
        lambda clients, deployment, ledger, request, opened_at: incidents.check(
            clients, deployment, ledger, Trigger.of_request(request), opened_at
        )
    ),
    climb=recording(incidents.climb),
    explain=clearing(incidents.explain),
    close=clearing(incidents.close),
    leave=lambda event: incidents.leave(ledger_of(event)),
)

host_function = Function(
    restart_agent=clearing(recovery.restart_agent, desired="present"),
    await_command=clearing(recovery.await_command, desired="present"),
    reboot=clearing(recovery.reboot, desired="present"),
    stop=clearing(recovery.stop, desired="present"),
    start=clearing(recovery.start, desired="present"),
    halt=clearing(halting.halt, desired=HALTED),
    resume=clearing(halting.resume),
)
maintenance_function = Function(
    pause=lambda event: pauses.pause(ledger_of(event), event.get("until"), event.get("why")),
    resume=lambda event: pauses.resume(ledger_of(event)),
)

# ---- those that only look

plan_function = Function(
    validate_deployment=lambda event: lifecycle.validate(aws(), *requested(event)),
    plan=planned,
)
inventory_function = Function(
    check=clearing(inventory.check),
    orphans=lambda _: {
        "orphans": orphans.orphans(aws(), lambda name: ledger_of({"name": name})),
    },
)

# ---- what people are notified of, beside what the workflows send

notice_function = Function(test=send_test)

# ---- what arrives from outside a workflow, without a verb

host_report_function = logged(host_reports.receive)
instance_event_function = logged(instance_events.receive)
reconciler_function = logged(looks.look)
webhook_function = logged(published_notices.receive)
waker_function = wake_requests.receive
guard_deletion_function = deletion.guard
