"""Our interpreter of Step Functions against another project's, on our own definitions."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from simlab.history import History
from simlab.schedule import Schedule, VirtualClock
from simlab.template import Stack, stack
from simlab.workflows.definitions import Definition
from simlab.workflows.executions import Executions
from simlab.workflows.failure import Failed
from simulation.script import Play, Script

TESTS = Path(__file__).parents[1]
# What a heartbeat is waited for takes real time at the other interpreter.
KNOWN: Stack = stack({"HostSilenceSeconds": "1"})
INPUTS = {
    machine.name: {"name": "demo", "model": "m", "instance_id": "i-1"}
    for machine in KNOWN.machines.values()
}
# Never retried; retried as long as it takes; Lambda's own trouble.
ERRORS = ("Refused", "Pending", "Lambda.TooManyRequestsException")


class Scripted:
    """Stands for Lambda. schedule, executions: where a task token is answered."""

    def __init__(self, play: Play, schedule: Schedule) -> None:
        self._play, self._schedule = play, schedule
        self.executions: Executions | None = None

    def invoke(self, arn: str, payload: Any) -> Any:
        error = self._play.invoked(arn, payload)
        if error:
            raise Failed(error, f"{error} of {arn}")
        assert self.executions is not None
        for token in [each for each in self.executions.tokens if each in payload.values()]:
            how = self._play.token()
            self._schedule.after(0.1, lambda token=token, how=how: self._end(token, how))
        return self._play.answer()

    def _end(self, token: str, how: str) -> None:
        assert self.executions is not None
        if how == "":
            self.executions.succeed(token, json.dumps(self._play.answer()))
        elif how != "silence":
            self.executions.fail(token, how, f"{how} of a token")


def played(script: Script) -> dict[str, Any]:
    """Run a script on our interpreter."""
    clock = VirtualClock()
    schedule, play = Schedule(clock), Play(script)
    functions = Scripted(play, schedule)
    chance = random.Random(1)  # noqa: S311 - no secret
    executions = Executions(schedule, KNOWN.machines, functions, chance, History(clock))
    functions.executions = executions
    [arn] = [arn for arn, machine in KNOWN.machines.items() if machine.name == script.machine]
    execution = executions.start(arn, "run", json.dumps(script.input))
    schedule.run(1e7, lambda: not execution.runs)
    return {
        "calls": play.calls,
        "states": execution.states,
        "status": execution.status,
        "output": execution.result,
        "error": execution.error,
        "cause": execution.cause,
    }


def judged(scripts: list[Script]) -> list[dict[str, Any]]:
    """Run them on ministack's."""
    machines = {machine.name: machine.definition for machine in KNOWN.machines.values()}
    request = {"machines": machines, "scripts": [asdict(script) for script in scripts]}
    ran = subprocess.run(
        [sys.executable, "-m", "simulation.reference"],
        input=json.dumps(request),
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    results: list[dict[str, Any]] = json.loads(ran.stdout)
    return results


def scripts() -> list[Script]:
    """Every definition as it should go; then each of its invocations fails, in each way."""
    whole = [Script(machine, document) for machine, document in INPUTS.items()]
    written = [*whole, *(replace(each, input={}) for each in whole)]
    for script in whole:
        count = len(played(script)["calls"])
        written += [replace(script, fails={n: "Refused"}) for n in range(count)]
        written += [replace(script, first=error) for error in ERRORS]
        written += [replace(script, fails=dict.fromkeys(range(500), error)) for error in ERRORS]
        written += [
            replace(script, facts={"rollback": True}, fails={2: "Refused"}),
            replace(script, facts={"rollback": True}, fails={2: "Refused", 7: "ResourcesLeft"}),
            replace(script, facts={"todo": "nothing"}),
            replace(script, facts={"todo": "start", "stopped": True}),
            replace(script, facts={"todo": "finish", "drain_first": True}),
            replace(script, facts={"probed_from": None}),
            replace(script, token=("Pending", "Pending", "")),
            replace(script, token=("HostFailed",)),
        ]
    return written


def alike(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the two have to agree on: all but ids and times, and states of branches but for tasks,
    which the other one does not list.
    """
    text = OWN.sub("*", json.dumps(result))
    document: dict[str, Any] = json.loads(text)
    return {**document, "states": [name for name in document["states"] if name in LISTED]}


def listed(machine: Definition) -> Iterator[str]:
    yield from machine["States"]
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from (name for name, each in branch["States"].items() if each["Type"] == "Task")


# An execution's ARN, a time, a task token.
OWN = re.compile(
    r"arn:aws:states:[\w:-]+:execution:[\w:-]+|[\d-]{10}T[\d:.]+Z|token-\w{16}|[\da-f-]{36}"
)
LISTED = {name for machine in KNOWN.machines.values() for name in listed(machine.definition)}


def test_the_definitions_end_as_another_interpreter_ends_them():
    written = scripts()

    ours = [alike(played(script)) for script in written]
    theirs = [alike(result) for result in judged(written)]

    differing = [
        (script, our, their)
        for script, our, their in zip(written, ours, theirs, strict=True)
        if our != their
    ]
    assert differing == []
    assert {result["status"] for result in theirs} == {"SUCCEEDED", "FAILED"}


def test_silence_ends_a_wait_as_another_interpreter_ends_it():
    facts = {"drain_seconds": 1}  # the other interpreter waits for them, in seconds of this machine
    silent = [
        Script(machine, given, facts=facts, token=("silence",)) for machine, given in INPUTS.items()
    ]

    ours = [alike(played(script)) for script in silent]

    assert ours == [alike(result) for result in judged(silent)]
    assert ["HostSilent" in json.dumps(result["calls"]) for result in ours].count(True) == 3
