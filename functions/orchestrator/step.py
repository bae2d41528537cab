"""What every workflow step has in common: who calls, for which deployment, and may it act now?

    ensure = step(network.ensure)        # in handlers/network.py

A step's event is {"name": ..., "execution": ...}: the specification stays in the ledger, so that
execution histories hold no documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.translation import translate
from orchestrator.creation.visibility import translated
from orchestrator.errors import InvalidRequest, Superseded
from orchestrator.ledger.store import LOCK, Ledger
from orchestrator.observability import logger
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], Any]
Act = Callable[[Clients, Deployment, Ledger], Any]


@cache
def aws() -> Clients:
    """Return this Lambda sandbox's clients."""
    return Clients(Settings.from_env())


def ledger_of(event: Event) -> Ledger:
    """Return the ledger of the deployment that the event names, owned by its execution."""
    name = event.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest('name: missing; send {"name": "<deployment>"}')
    clients = aws()
    return Ledger(
        clients.dynamodb,
        clients.settings.ledger_table,
        clients.settings.installation,
        name,
        str(event.get("execution", "")),
        clients.now,
        clients.settings.settle_seconds,
    )


def step(act: Act, *, desired: str | None = None) -> Handler:
    """Return the Lambda handler that runs `act` under the lock.

    With `desired`, the step also stops (Superseded) as soon as the operator wants the opposite.
    """

    @logged
    def handler(event: Event, _: LambdaContext) -> Any:
        ledger = ledger_of(event)
        row = ledger.deployment()
        holder = (ledger.read(LOCK) or {}).get("owner")
        if holder != ledger.owner:
            raise Superseded(
                f"{holder or 'no workflow'} holds the lock of {ledger.name!r}, not this one"
            )
        if desired and row["desired"] != desired:
            now = "being torn down" if row["desired"] == "absent" else "to be provisioned again"
            raise Superseded(f"{ledger.name!r} is {now}; this workflow stops")
        with translated(ledger):
            return act(aws(), parse(json.loads(row["spec"])), ledger)

    return handler


def logged(handler: Handler) -> Handler:
    """Log a handler's outcome, and let only errors of our own tree out of it."""

    @logger.inject_lambda_context(clear_state=True)
    def wrapped(event: Event, context: LambdaContext) -> Any:
        known = event if isinstance(event, dict) else {}  # `plan` is sent whatever a user wrote
        logger.append_keys(deployment=known.get("name"), execution=known.get("execution"))
        try:
            answer = handler(event, context)
        except (ClientError, BotoCoreError) as error:
            raise translate(error) from error
        logger.info("step ended", answer=answer)
        return answer

    return wrapped
