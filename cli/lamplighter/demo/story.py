"""`python -m lamplighter.demo`: the whole story on this machine, and whether it came out right.

Install, plan, up, chat, terminate the instance, watch its repair, chat again, down, count what is
left. Any miss is a failure: a wrong answer, no repair in time, a second repair, a leftover.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import openai
from twin import control as twin

from lamplighter.aws import ledger, origins, refusals
from lamplighter.aws.account import Account, connect
from lamplighter.aws.rows import Records
from lamplighter.command_line.options import STACK
from lamplighter.commands import down, key, plan, up
from lamplighter.demo import chat
from lamplighter.demo.deadline import within
from lamplighter.deployments import spec_file, workflows
from lamplighter.errors import Interrupted, LamplighterError
from lamplighter.screens.screen import Screen, plain

SPEC = twin.PROJECT / "examples/demo.yaml"
# A tiny real model answers anything; only the stub's answer is known beforehand.
MODELS = {"stub": "lamplighter-stub", "vllm": "lamplighter-tiny"}
REPAIR_SECONDS = {"stub": 120, "vllm": 400}
STORY_SECONDS = {"stub": 400, "vllm": 2400}
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Missed(LamplighterError):
    """The story did not come out as it should."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays. document: the specification of the deployment."""

    account: Account
    screen: Screen
    document: dict[str, Any]
    engine: str
    state_dir: Path

    @property
    def name(self) -> str:
        return str(self.document["name"])

    def records(self) -> Records:
        found = ledger.records(self.account.ledger(), self.name)
        if found is None:
            raise Missed(f"the ledger does not know {self.name!r}")
        return found


@click.command()
@click.option("--engine", type=click.Choice(list(MODELS)), default="stub", show_default=True)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    default=twin.PROJECT / ".lamplighter/demo",
    help="Where the twin keeps its files; wiped at the start.",
)
def demo(engine: str, state_dir: Path) -> None:
    """Run Lamplighter's whole life on this machine: no account, no Docker, no root."""
    screen = Screen.open(json=False, color=True)
    for number in _ENDINGS:
        signal.signal(number, _interrupt)
    sys.exit(_run(screen, engine, state_dir))


def _run(screen: Screen, engine: str, state_dir: Path) -> int:
    """Return the exit code; whatever happens, nothing that was started stays."""
    started = time.monotonic()
    try:
        with within(STORY_SECONDS[engine], "the whole story"):
            repaired, left = _story(screen, engine, state_dir)
            _stop(screen, state_dir)
    except (KeyboardInterrupt, Interrupted):
        screen.problem("demo: interrupted: stopping everything it started")
        return Interrupted.exit_code
    except (LamplighterError, *refusals.AwsError, openai.OpenAIError) as error:
        screen.problem(f"demo: failed: {error} (logs: {state_dir})")
        return 1
    finally:
        _stop(screen, state_dir)
    took = round(time.monotonic() - started)
    click.echo(f"demo: ok in {took}s, repaired in {repaired}s, {left} resources left")
    return 0


def _story(screen: Screen, engine: str, state_dir: Path) -> tuple[int, int]:
    """Return the seconds that the repair took, and how many resources were left."""
    document = spec_file.read(str(SPEC)) | {"model": MODELS[engine]}
    _title(screen, "a local AWS, and Lamplighter installed in it by `sam deploy`")
    twin.down(state_dir, forget=True)
    twin.up(engine, screen.say, state_dir)
    account = connect(STACK, None, twin.environment(state_dir))
    stage = Stage(account, screen, document, engine, state_dir)
    _provision(stage)
    _chat(stage, "Who are you?")
    repaired = _outage(stage)
    _chat(stage, "Are you back?")
    return repaired, _teardown(stage)


def _provision(stage: Stage) -> None:
    _title(stage.screen, f"lamplighter plan {SPEC.name}")
    planned = plan.ask(stage.account, stage.document)
    stage.screen.show(*plan.drawn(planned))
    _title(stage.screen, f"lamplighter up {SPEC.name}")
    output = up.provision(stage.account, stage.screen, stage.document)
    stage.screen.out.print(plain(f"{output['endpoint']} serves after {output['seconds']} s"))


def _chat(stage: Stage, question: str) -> None:
    _title(stage.screen, f"the OpenAI SDK asks: {question}")
    origin = origins.here(stage.records().deployment.endpoint, stage.account.origins)
    secret = key.read(stage.account, stage.name)
    answer = chat.ask(origin, secret, stage.document["model"], question, _show)
    click.echo()
    if not answer.strip() or (stage.engine == "stub" and question not in answer):
        raise Missed(f"the answer to {question!r} is wrong: {answer!r}")


def _outage(stage: Stage) -> int:
    """Terminate the instance; return the seconds until it was repaired, once."""
    before = set(_repairs(stage.account))
    began = time.monotonic()
    lost = twin.break_(stage.state_dir, "terminate")
    _title(stage.screen, f"an operator terminates {lost}")
    with within(REPAIR_SECONDS[stage.engine], f"the repair of {lost}"):
        outcomes, repaired = _watched(stage, before)
    seconds = round(repaired - began)
    records = stage.records()
    if outcomes.count("repaired") != 1 or len(records.incidents) != 1:
        raise Missed(f"one repair was expected: {outcomes}, {len(records.incidents)} incidents")
    new = records.deployment.current.instance_id
    stage.screen.out.print(plain(f"repaired after {seconds} s: {new} took the place of {lost}"))
    return seconds


def _watched(stage: Stage, before: set[str]) -> tuple[list[str], float]:
    """Watch the repairs that began since, oldest first; EC2 reports a loss by two events or more.

    Return how each came out, and the monotonic time of the one that repaired.
    """
    outcomes: dict[str, str] = {}
    repaired = 0.0
    while True:
        known = before | set(outcomes)
        begun = [execution for execution in _repairs(stage.account) if execution not in known]
        for execution in begun:
            stage.screen.say(_begun(execution, outcomes))
            output = workflows.watch(stage.account, stage.screen, execution, stage.name)
            outcomes[execution] = output["outcome"]
            repaired = time.monotonic() if output["outcome"] == "repaired" else repaired
            stage.screen.say(f"{output['outcome']}: {output.get('why') or output['instance_id']}")
        if not begun and "repaired" in outcomes.values():
            return list(outcomes.values()), repaired
        time.sleep(stage.account.poll_seconds)


def _begun(execution: str, outcomes: Mapping[str, str]) -> str:
    name = execution.rpartition(":")[2]
    if "repaired" in outcomes.values():
        return (
            "EC2 reports one loss more than once (shutting-down, then terminated): the workflow of "
            f"the repeated event looks and changes nothing: {name}"
        )
    return f"a repair has begun: {name}"


def _repairs(account: Account) -> list[str]:
    """Return the ARNs of all repairs, oldest first."""
    pages = account.states().get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=account.installation.repair)
    listed = [one for page in found for one in page["executions"]]
    return [one["executionArn"] for one in sorted(listed, key=lambda one: one["startDate"])]


def _teardown(stage: Stage) -> int:
    _title(stage.screen, f"lamplighter down {stage.name}")
    output = down.teardown(stage.account, stage.screen, stage.name)
    left = twin.inventory(stage.state_dir)
    if left or output["left"]:
        raise Missed(f"the teardown counted {output['left']}, the account has: {', '.join(left)}")
    stage.screen.out.print(plain("the account is asked for every resource: nothing is left"))
    return len(left)


def _stop(screen: Screen, state_dir: Path) -> None:
    """Stop the twin, undisturbed; a second time there is nothing to stop."""
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    if twin.status(state_dir).get("processes"):
        with suppress(OSError):  # the terminal may be what went away
            screen.say("stopping the local AWS")
    twin.down(state_dir)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _title(screen: Screen, text: str) -> None:
    screen.out.print(plain(f"\n── {text}", "bold"))


def _show(piece: str) -> None:
    click.echo(plain(piece).plain, nl=False)
