"""Step Functions: executions, task tokens, heartbeats and timeouts in virtual time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simlab.functions import Lambda
from simlab.history import History
from simlab.schedule import Schedule, Timer
from simlab.template import Machine
from simlab.workflows.failure import Failed
from simlab.workflows.interpreter import Effect, Interpreter, Pause, Walk, Work

TRANSITION = (0.01, 0.05)  # seconds between two states
INVOCATION = (0.02, 0.4)  # until a function runs, and until its answer is back
_RUNNING = "RUNNING"


class Refused(Exception):
    """The API call fails. code: AWS's name of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True, eq=False)
class Execution:
    """states: the names of those entered so far, in order. output: JSON, None until it succeeds."""

    arn: str
    machine: Machine
    name: str
    input: str
    started: datetime
    status: str = _RUNNING
    output: str | None = None
    error: str = ""
    cause: str = ""
    stopped: datetime | None = None
    states: list[str] = field(default_factory=list)
    on_end: list[Callable[[], None]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.status == _RUNNING

    @property
    def result(self) -> Any:
        return json.loads(self.output or "null")


@dataclass(slots=True, eq=False)
class _Task:
    """What an execution waits for; answered once. timers: its timeout and its heartbeat."""

    execution: Execution
    walk: Walk
    work: Work
    timers: dict[str, Timer] = field(default_factory=dict)
    answered: bool = False

    @property
    def is_open(self) -> bool:
        return not self.answered and self.execution.runs


class Executions:
    def __init__(
        self,
        schedule: Schedule,
        machines: Mapping[str, Machine],
        functions: Lambda,
        chance: random.Random,
        history: History,
    ) -> None:
        self._schedule, self._machines, self._functions = schedule, machines, functions
        self._chance, self._history = chance, history
        self.tokens: dict[str, _Task] = {}
        self.all: dict[str, Execution] = {}

    # -- API ---------------------------------------------------------------------------------

    def start(self, machine_arn: str, name: str | None, document: str) -> Execution:
        """Idempotent by name and input while it runs; a name is used once."""
        if machine_arn not in self._machines:
            raise Refused(
                "StateMachineDoesNotExist", f"State Machine Does Not Exist: {machine_arn}"
            )
        machine = self._machines[machine_arn]
        name = name or f"{self._chance.getrandbits(64):016x}"
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        known = self.all.get(arn)
        if known is not None:
            if known.runs and json.loads(known.input) == json.loads(document):
                return known
            raise Refused("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        execution = Execution(arn, machine, name, document, self._schedule.clock.now())
        self.all[arn] = execution
        self._history.add("started", execution.name, machine=machine.name)
        walk = self._interpreter(execution).walk(machine.definition, json.loads(document))
        limit = machine.definition.get("TimeoutSeconds")
        if limit is not None:
            self._schedule.after(limit, lambda: self._end(execution, "TIMED_OUT", "States.Timeout"))
        self._schedule.after(self._between(TRANSITION), lambda: self._resume(execution, walk))
        return execution

    def describe(self, arn: str) -> Execution:
        if arn not in self.all:
            raise Refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self.all[arn]

    def stop(self, arn: str, error: str = "", cause: str = "") -> Execution:
        execution = self.describe(arn)
        self._end(execution, "ABORTED", error, cause)
        return execution

    def succeed(self, token: str, output: str) -> None:
        self._answer(self._waiting(token), json.loads(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        self._answer(self._waiting(token), Failed(error, cause))

    def heartbeat(self, token: str) -> None:
        self._beat(self._waiting(token))

    def _waiting(self, token: str) -> _Task:
        if token not in self.tokens:
            raise Refused("InvalidToken", "Invalid Token: 'Invalid token'")
        if not self.tokens[token].is_open:
            raise Refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return self.tokens[token]

    # -- a walk ------------------------------------------------------------------------------

    def _interpreter(self, execution: Execution) -> Interpreter:
        def entered(state: str) -> None:
            execution.states.append(state)
            self._history.add("entered", execution.name, state=state)

        def now() -> str:
            return _stamp(self._schedule.clock.now())

        about = {
            "Id": execution.arn,
            "Name": execution.name,
            "Input": json.loads(execution.input),
            "StartTime": _stamp(execution.started),
        }
        machine = {"Id": execution.machine.arn, "Name": execution.machine.name}
        context = {"Execution": about, "StateMachine": machine}
        return Interpreter(
            context,
            self._chance,
            entered=entered,
            now=now,
            transition=lambda: self._between(TRANSITION),
        )

    def _resume(self, execution: Execution, walk: Walk, answer: Any = None) -> None:
        """answer: what the last effect led to; a Failed is raised where the walk waits."""
        if not execution.runs:
            return
        try:
            effect = walk.throw(answer) if isinstance(answer, Failed) else walk.send(answer)
        except StopIteration as ended:
            execution.output = json.dumps(ended.value)
            self._end(execution, "SUCCEEDED")
        except Failed as failed:
            self._end(execution, "FAILED", failed.error, failed.cause)
        else:
            self._perform(execution, walk, effect)

    def _end(self, execution: Execution, status: str, error: str = "", cause: str = "") -> None:
        if not execution.runs:
            return
        execution.status, execution.error, execution.cause = status, error, cause
        execution.stopped = self._schedule.clock.now()
        self._history.add("ended", execution.name, status=status, error=error, cause=cause)
        for act in execution.on_end:
            act()

    # -- effects -----------------------------------------------------------------------------

    def _perform(self, execution: Execution, walk: Walk, effect: Effect) -> None:
        if isinstance(effect, Pause):
            self._schedule.after(effect.seconds, lambda: self._resume(execution, walk))
            return
        task = _Task(execution, walk, effect)
        if effect.timeout is not None:
            self._limit(task, "States.Timeout", effect.timeout)
        if effect.integration.startswith("states:"):
            self._start_child(task)
            return
        if effect.integration.endswith(".waitForTaskToken"):
            self.tokens[effect.token] = task
            self._beat(task)
        self._schedule.after(self._between(INVOCATION), lambda: self._invoke(task))

    def _invoke(self, task: _Task) -> None:
        """The function runs at once; its calls and its sleep have taken time when it ends."""
        if not task.is_open:
            return
        arn, event = task.work.arguments["FunctionName"], task.work.arguments["Payload"]
        answer: Any
        try:
            payload = self._functions.invoke(arn, event)
            answer = {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}
        except Failed as failed:
            answer = failed
        outcome = answer.error if isinstance(answer, Failed) else "ok"
        function = arn.rpartition(":")[2]
        self._history.add("invoked", task.execution.name, function=function, outcome=outcome)
        if isinstance(answer, Failed) or task.work.integration == "lambda:invoke":
            self._schedule.after(self._between(INVOCATION), lambda: self._answer(task, answer))

    def _start_child(self, task: _Task) -> None:
        request = task.work.arguments
        try:
            child = self.start(
                request["StateMachineArn"], request.get("Name"), json.dumps(request["Input"])
            )
        except Refused as refused:
            failed = Failed(f"StepFunctions.{refused.code}Exception", refused.message)
            self._schedule.after(0, lambda: self._answer(task, failed))
            return
        child.on_end.append(lambda: self._answer(task, _outcome(child)))
        task.execution.on_end.append(lambda: self._end(child, "ABORTED"))

    def _limit(self, task: _Task, error: str, seconds: float) -> None:
        if error in task.timers:
            task.timers[error].cancel()
        task.timers[error] = self._schedule.after(
            seconds, lambda: self._answer(task, Failed(error))
        )

    def _beat(self, task: _Task) -> None:
        if task.work.heartbeat is not None:
            self._limit(task, "States.HeartbeatTimeout", task.work.heartbeat)

    def _answer(self, task: _Task, answer: Any) -> None:
        """The first answer counts."""
        if not task.is_open:
            return
        task.answered = True
        for timer in task.timers.values():
            timer.cancel()
        self._schedule.after(
            self._between(TRANSITION), lambda: self._resume(task.execution, task.walk, answer)
        )

    def _between(self, limits: tuple[float, float]) -> float:
        return self._chance.uniform(*limits)


def _outcome(child: Execution) -> Any:
    if child.status != "SUCCEEDED":
        document = {"Status": child.status, "Error": child.error, "Cause": child.cause}
        return Failed("States.TaskFailed", json.dumps({"ExecutionArn": child.arn, **document}))
    return {"ExecutionArn": child.arn, "Name": child.name, "Output": child.result,
            "Status": child.status}  # fmt: skip


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
