"""A deployment's workflow: find the running one, start one, watch it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lamplighter.aws import executions, ledger, refusals
from lamplighter.aws.account import Account
from lamplighter.aws.executions import Change, Outcome
from lamplighter.aws.rows import Host
from lamplighter.errors import Interrupted, Unavailable, failure
from lamplighter.screens import live
from lamplighter.screens.screen import Screen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_CANDIDATE, _PREDECESSOR, _SERVING = "candidate", "draining", "serving"
_AWAITED = {
    "AwaitCapacity": _CANDIDATE,
    "AwaitServing": _CANDIDATE,
    "DrainFirst": _PREDECESSOR,
    "DrainPredecessors": _PREDECESSOR,
    "DrainHost": _SERVING,
}


@dataclass(frozen=True, slots=True)
class Running:
    """A workflow that runs now: its ARN, its verb (provision ... teardown), its input as JSON."""

    execution: str
    verb: str
    document: str


def running(account: Account, name: str) -> Running | None:
    """Return the workflow that holds the deployment's lock and is alive."""
    owner = ledger.lock_owner(account.ledger(), name)
    if owner is None:
        return None
    states = account.states()
    try:
        found = states.describe_execution(executionArn=owner)
    except states.exceptions.ExecutionDoesNotExist:
        return None
    if found["status"] != "RUNNING":
        return None
    verb = account.installation.verb(found["stateMachineArn"])
    return Running(owner, verb, found.get("input", "{}"))


def run(
    account: Account, screen: Screen, verb: str, name: str, document: dict[str, Any]
) -> dict[str, Any]:
    """Start a workflow and watch it to its end; return its output. Raises as `watch` does."""
    machine: str = getattr(account.installation, verb)
    execution = executions.start(account.states(), machine, verb, name, document)
    screen.say(f"{verb} of {name} in {account.place}: {execution}")
    return watch(account, screen, execution, name)


def watch(account: Account, screen: Screen, execution: str, name: str) -> dict[str, Any]:
    """Show a workflow until it ends and return its output.

    Raises the failure as errors.failure returns it, Interrupted on Ctrl-C, and
    Unavailable when AWS stops answering: in both cases the workflow goes on.
    """
    with _goes_on(execution, name), live.view(screen) as view:
        ended = _follow(account, screen, view, execution, name)
    if ended.status != "SUCCEEDED":
        raise failure(ended.error or ended.status, _cause(ended), execution)
    return ended.output | {"execution": execution, "seconds": round(ended.seconds)}


def _follow(
    account: Account, screen: Screen, view: live.View, execution: str, name: str
) -> Outcome:
    host = _Host(account.ledger(), name)

    def show(changes: list[Change]) -> None:
        for change in changes:
            view.change(replace(change, note=screen.repeated(change.note)))
            host.notice(change)
        if phase := host.phase():
            view.phase(replace(phase, cause=screen.repeated(phase.cause)))

    return executions.follow(
        account.states(), execution, show=show, pause=lambda: time.sleep(account.poll_seconds)
    )


@dataclass(slots=True)
class _Host:
    """Reads a host's phase from the ledger while the workflow waits for that host.

    awaited: the host's role; empty while the workflow waits for none.
    """

    table: Table
    name: str
    awaited: str = ""

    def notice(self, change: Change) -> None:
        if change.step in _AWAITED:
            self.awaited = "" if change.kind == "left" else _AWAITED[change.step]

    def phase(self) -> live.Phase | None:
        host = self._host() if self.awaited else None
        return live.Phase(host.phase, host.percent, host.cause) if host and host.phase else None

    def _host(self) -> Host | None:
        """Return the newest host of the role.

        For a candidate the one that serves will do: a provision of what serves waits for that one.
        """
        found = ledger.deployment(self.table, self.name)
        hosts = found.active if found else ()
        fits = [host for host in hosts if self.awaited in {host.role, _CANDIDATE}]
        return fits[-1] if fits else None


def _cause(ended: Outcome) -> str:
    without = {
        "TIMED_OUT": "the workflow ran longer than it may",
        "ABORTED": "the workflow was stopped",
    }
    return ended.cause or without.get(ended.status, "")


@contextmanager
def _goes_on(execution: str, name: str) -> Iterator[None]:
    hint = (
        f"the workflow goes on: look again with `lamplighter events {name} --follow`, stop it with "
        f"`aws stepfunctions stop-execution --execution-arn {execution}`"
    )
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {hint}", execution=execution) from None
    except refusals.AwsError as error:
        raise Unavailable(f"{refusals.explain(error)}; {hint}", execution=execution) from error
