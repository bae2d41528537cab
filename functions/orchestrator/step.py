"""What every function has in common: which verb, for which deployment, and may it act now?

    network_function = Function(ensure=step(network.ensure, desired="present"), ...)

An event is {"verb": ..., "name": ..., "execution": ...}, and what the verb takes besides: the
specification stays in the ledger, so that execution histories hold no documents.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.denials import explained
from orchestrator.aws.translation import translate
from orchestrator.creation.visibility import translated
from orchestrator.errors import InvalidRequest, Superseded
from orchestrator.ledger.rows import VERSION, DeploymentRow
from orchestrator.ledger.store import Ledger
from orchestrator.observability import logger
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], Any]
Verb = Callable[[Event], Any]
Wanted = str | tuple[str, ...] | None  # what the operator may want while a verb runs
_ENVELOPE = {"verb", "name", "execution"}


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


class Function:
    """A Lambda function: the event's `verb` chooses what it does.

    An underscore at the end keeps a verb from being a keyword of Python: `await_` is `await`.
    """

    def __init__(self, **verbs: Verb) -> None:
        self.verbs = {name.rstrip("_"): verb for name, verb in verbs.items()}
        self._handler = logged(self._act)

    def __call__(self, event: Event, context: LambdaContext) -> Any:
        return self._handler(event, context)

    def _act(self, event: Event, _: LambdaContext) -> Any:
        verb = event.get("verb") if isinstance(event, dict) else None
        if not isinstance(verb, str) or verb not in self.verbs:
            raise InvalidRequest(
                f"verb: {verb!r} is none of this function's; allowed: {', '.join(self.verbs)}"
            )
        return self.verbs[verb](event)


def step(act: Callable[..., Any], *, desired: Wanted = None) -> Verb:
    """Return the verb that runs `act(clients, deployment, ledger)` under the lock.

    What the event holds besides verb, name and execution is passed on by its name.
    With `desired`, the verb also stops (Superseded) as soon as the operator wants something else.
    """

    @wraps(act)
    def verb(event: Event) -> Any:
        ledger, row = _under_lock(event, desired)
        with translated(ledger), explained(lambda: aws().sts):
            return act(aws(), _stored(ledger, row), ledger, **_arguments(event))

    return verb


def clearing(act: Callable[..., Any], *, desired: Wanted = None) -> Verb:
    """Return the verb that runs `act(clients, ledger)` under the lock.

    It parses no specification: what an earlier version stored must not keep a teardown from ending.
    """

    @wraps(act)
    def verb(event: Event) -> Any:
        ledger, _ = _under_lock(event, desired)
        with translated(ledger), explained(lambda: aws().sts):
            return act(aws(), ledger, **_arguments(event))

    return verb


def recording(act: Callable[..., Any], *, desired: Wanted = None) -> Verb:
    """Return the verb that runs `act(ledger)` under the lock: it needs nothing of AWS."""

    @wraps(act)
    def verb(event: Event) -> Any:
        ledger, _ = _under_lock(event, desired)
        with translated(ledger):
            return act(ledger, **_arguments(event))

    return verb


def logged(handler: Handler) -> Handler:
    """Log a handler's outcome, and let only errors of our own tree out of it."""

    @logger.inject_lambda_context(clear_state=True)
    def wrapped(event: Event, context: LambdaContext) -> Any:
        known = event if isinstance(event, dict) else {}  # whatever an operator sends
        about = {key: known.get(key) for key in ("execution", "verb")}
        logger.append_keys(deployment=known.get("name"), **about)
        try:
            answer = handler(event, context)
        except (ClientError, BotoCoreError) as error:
            raise translate(error) from error
        logger.info("step ended", answer=answer)
        return answer

    return wrapped


def _stored(ledger: Ledger, row: DeploymentRow) -> Deployment:
    """Return the deployment's specification; InvalidRequest when another version wrote it so."""
    try:
        return parse(row.specification_for(ledger.owner))
    except InvalidRequest as error:
        raise InvalidRequest(
            f"the stored specification of {ledger.name!r}, written by version {row.version} of the "
            f"ledger (this one is {VERSION}), does not parse: {error}; take the deployment down "
            "and up again, or go back to the version that wrote it"
        ) from error


def _under_lock(event: Event, desired: Wanted) -> tuple[Ledger, DeploymentRow]:
    """Return the ledger and the deployment's row; Superseded when the event may not act."""
    ledger = ledger_of(event)
    row = ledger.deployment()
    holder = ledger.lock_owner()
    if holder != ledger.owner:
        raise Superseded(
            f"{holder or 'no workflow'} holds the lock of {ledger.name!r}, not this one"
        )
    if desired and row.desired not in ((desired,) if isinstance(desired, str) else desired):
        raise Superseded(f"{ledger.name!r} is {row.desired.now}; this workflow stops")
    return ledger, row


def _arguments(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in _ENVELOPE}
