"""AWS's events about every instance of the account: EC2, Health, and alarms.

One about a host that a workflow waits for answers that wait; one about an instance that should be
serving starts a repair.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.errors import InvalidRequest
from orchestrator.hosts import serving
from orchestrator.launch import instances
from orchestrator.ledger.rows import HostRow
from orchestrator.ledger.store import Ledger
from orchestrator.observability import count, logger
from orchestrator.repair import diagnosis, sources, triggers
from orchestrator.repair.triggers import ALARM, Trigger
from orchestrator.step import Event, aws, ledger_of

_HEARD_SECONDS = 90.0  # three of a host's reports
_STOPS = {"stopping", "stopped"}  # an instance may leave them


def receive(event: Event, _: LambdaContext) -> dict[str, Any]:
    """Return {"answered": deployment}, {"started": execution name} or {"ignored": why}.

    Of an event about several instances, the last that was not ignored. Never an error for a bad
    event.
    """
    try:
        found = sources.triggers_of(event, aws().settings.installation)
    except InvalidRequest as error:
        return _ignored(str(error))
    mark = str(event.get("id", ""))
    done = [_met(trigger, f"{mark}-{n}" if n else mark) for n, trigger in enumerate(found)]
    return next((each for each in reversed(done) if "ignored" not in each), done[-1])


def _met(trigger: Trigger, mark: str) -> dict[str, Any]:
    logger.append_keys(instance_id=trigger.instance_id)
    name = triggers.deployment_of(aws(), trigger)
    if name is None:
        return _ignored(f"{trigger.instance_id} is not ours")
    ledger = ledger_of({"name": name})
    if trigger.state in _STOPS and instances.state(aws(), trigger.instance_id) in instances.ALIVE:
        return _ignored(f"{trigger.instance_id} was started again since")
    # Before its end a warning fails no wait: another host beside this one could exceed the quota.
    if (trigger.ending or trigger.source == ALARM) and ledger.wait_for(trigger.instance_id):
        return _ignored(f"a workflow waits for {trigger.instance_id}: its end will be an event too")
    if trigger.instance_id and serving.lose(
        aws(), ledger, trigger.instance_id, f"{trigger.text}, before it served"
    ):
        count("HostLostBeforeServing")
        return {"answered": name}
    return _requested(ledger, trigger, mark)


def _requested(ledger: Ledger, trigger: Trigger, mark: str) -> dict[str, Any]:
    host, row = triggers.concerned(ledger, trigger), ledger.known_deployment()
    if host is None or row is None or not triggers.is_current(ledger, trigger):
        about = trigger.instance_id
        return _ignored(f"{about} is not the instance that {ledger.name!r} should have now")
    if why := diagnosis.unwanted(ledger, row, trigger):
        return _ignored(why)
    if trigger.source == ALARM and not trigger.instance_id and _serves(ledger, host):
        return _ignored(f"{host.instance_id} has said lately that it serves: its metrics are late")
    started = triggers.start(aws(), ledger, host, trigger, mark or trigger.instance_id)
    return {"started": started} if started else _ignored("a repair was started a moment ago")


def _serves(ledger: Ledger, host: HostRow) -> bool:
    heard = host.phase_at is not None and ledger.seconds_since(host.phase_at) < _HEARD_SECONDS
    return heard and host.phase == "serving"


def _ignored(why: str) -> dict[str, Any]:
    logger.info("instance event ignored", reason=why)
    count("InstanceEventIgnored")
    return {"ignored": why}
