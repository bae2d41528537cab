"""EC2's events about every instance of the account.

One about a host that a workflow waits for answers that wait; one about an instance that should be
serving starts a repair.
"""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import InvalidRequest
from orchestrator.hosts import serving
from orchestrator.observability import count, logger
from orchestrator.repair import triggers
from orchestrator.repair.triggers import Trigger
from orchestrator.step import Event, aws, ledger_of

_NAME_LIMIT = 80


def receive(event: Event, _: LambdaContext) -> dict[str, Any]:
    """Return {"answered": deployment}, {"started": execution name} or {"ignored": why}.

    Never an error for a bad event.
    """
    try:
        trigger = Trigger.of_event(event)
    except InvalidRequest as error:
        return _ignored(str(error))
    logger.append_keys(instance_id=trigger.instance_id)
    name = triggers.deployment_of(aws(), trigger)
    if name is None:
        return _ignored(f"{trigger.instance_id} is not ours")
    ledger = ledger_of({"name": name})
    # A warning fails no wait: another host beside this one could exceed the quota.
    if trigger.interrupted and ledger.wait_for(trigger.instance_id):
        return _ignored(f"a workflow waits for {trigger.instance_id}: its end will be an event too")
    if serving.lose(aws(), ledger, trigger.instance_id, f"{trigger.text}, before it served"):
        count("HostLostBeforeServing")
        return {"answered": name}
    if not triggers.is_current(ledger, trigger):
        return _ignored(f"{trigger.instance_id} is not the instance that {name!r} should have now")
    return _start(str(event.get("id", trigger.instance_id)), name, trigger)


def _start(event_id: str, name: str, trigger: Trigger) -> dict[str, Any]:
    """Start a repair named after the event: delivered twice, it starts once."""
    execution = f"repair-{name}-{event_id}"[:_NAME_LIMIT]
    with tolerating("ExecutionAlreadyExists"):
        aws().sfn.start_execution(
            stateMachineArn=aws().settings.repair_machine,
            name=execution,
            input=json.dumps({"name": name, **trigger.request()}),
        )
    count("RepairRequested")
    return {"started": execution}


def _ignored(why: str) -> dict[str, Any]:
    logger.info("instance event ignored", reason=why)
    count("InstanceEventIgnored")
    return {"ignored": why}
