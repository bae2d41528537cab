"""Lambda entry points for the deployment's own row: from the request to the tombstone."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.deployments import lifecycle
from orchestrator.hosts import serving
from orchestrator.step import Event, aws, ledger_of, logged, step


@logged
def validate(event: Event, _: LambdaContext) -> dict[str, Any]:
    return lifecycle.validate(aws(), event["spec"], _ledger(event))


@logged
def plan(event: Event, _: LambdaContext) -> dict[str, Any]:
    """The event is the specification itself: `lamplighter plan` invokes this function."""
    changes = lifecycle.plan(aws(), event, _ledger({"spec": event}))
    return {"changes": [change.document() for change in changes]}


@logged
def begin(event: Event, _: LambdaContext) -> None:
    lifecycle.begin(event["spec"], _ledger(event))


def record(event: Event, context: LambdaContext) -> Any:
    """Take along who says that the endpoint serves: a look from outside, or the host."""
    probed_from = event["probed_from"]
    return step(
        lambda _, __, ledger: lifecycle.record_serving(ledger, probed_from), desired="present"
    )(event, context)


@logged
def retire(event: Event, _: LambdaContext) -> None:
    """Also ends a workflow that waits for its host: it holds the lock that teardown needs."""
    waiting = lifecycle.retire(ledger_of(event))
    if waiting:
        serving.stop_waiting(aws(), waiting)


bury = step(lambda _, __, ledger: lifecycle.bury(ledger))


def _ledger(event: Event) -> Any:
    """Return the ledger of the specification's name, which is not checked yet; `?`: none."""
    spec = event["spec"] if isinstance(event.get("spec"), dict) else {}
    name = spec.get("name")
    return ledger_of({**event, "name": name if isinstance(name, str) and name else "?"})
