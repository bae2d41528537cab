"""One execution's walk through its definition, as a generator: it yields what takes time.

It knows no clock and calls nothing: its caller answers each Pause and each Work.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from simlab.workflows.definitions import Definition, integration
from simlab.workflows.expressions import evaluate
from simlab.workflows.failure import Failed


@dataclass(frozen=True, slots=True)
class Pause:
    """Answered with None, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """A task: answered with its result, or by throwing Failed.

    token: of a task that waits for it. timeout, heartbeat: seconds, None for no limit.
    """

    integration: str
    arguments: Any
    token: str
    timeout: float | None
    heartbeat: float | None


Effect: TypeAlias = Pause | Work
Walk: TypeAlias = Generator[Effect, Any, Any]
Step: TypeAlias = tuple[Any, str | None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an execution is. variables: of this level; a branch has a copy of its outer level's."""

    name: str
    state: Definition
    value: Any
    variables: dict[str, Any]
    retries: int = 0


class Interpreter:
    """context: `$states.context` but for State and Task. entered(state): called on each entry.

    transition: how long it takes to enter a state, seconds.
    """

    def __init__(
        self,
        context: dict[str, Any],
        chance: random.Random,
        *,
        entered: Callable[[str], None],
        now: Callable[[], str],
        transition: Callable[[], float],
    ) -> None:
        self._context, self._chance = context, chance
        self._entered, self._now, self._transition = entered, now, transition

    def walk(
        self, machine: Definition, value: Any, variables: dict[str, Any] | None = None
    ) -> Walk:
        """Return the output; raise Failed when the execution, or the branch, fails."""
        variables = {} if variables is None else variables
        name: str | None = machine["StartAt"]
        while name is not None:
            self._entered(name)
            yield Pause(self._transition())
            place = Place(name, machine["States"][name], value, variables)
            if place.state["Type"] in _AT_ONCE:
                value, name = _AT_ONCE[place.state["Type"]](self, place)
            else:
                value, name = yield from _LASTING[place.state["Type"]](self, place)
        return value

    # -- states ------------------------------------------------------------------------------

    def _pass(self, place: Place) -> Step:
        return self._leave(place, place.state, place.value)

    def _wait(self, place: Place) -> Generator[Effect, Any, Step]:
        yield Pause(float(self._evaluate(place, place.state["Seconds"])))
        return self._leave(place, place.state, place.value)

    def _choice(self, place: Place) -> Step:
        for rule in place.state["Choices"]:
            holds = self._evaluate(place, rule["Condition"])
            if not isinstance(holds, bool):
                raise Failed("States.QueryEvaluationError", f"{place.name}: {holds!r} is no answer")
            if holds:
                return self._leave(place, rule, place.value)
        if "Default" not in place.state:
            raise Failed("States.NoChoiceMatched", place.name)
        value, _ = self._leave(place, place.state, place.value)
        return value, place.state["Default"]

    def _succeed(self, place: Place) -> Step:
        return self._leave(place, place.state, place.value)

    def _fail(self, place: Place) -> Step:
        error, cause = (self._evaluate(place, place.state.get(k, "")) for k in ("Error", "Cause"))
        raise Failed(error, cause)

    def _task(self, place: Place) -> Generator[Effect, Any, Step]:
        def attempt(place: Place) -> Walk:
            token = f"token-{self._chance.getrandbits(64):016x}"
            arguments = self._evaluate(place, place.state.get("Arguments", place.value), token)
            timeout, heartbeat = (
                self._evaluate(place, place.state.get(key))
                for key in ("TimeoutSeconds", "HeartbeatSeconds")
            )
            kind = integration(place.state["Resource"])
            result = yield Work(kind, arguments, token, timeout, heartbeat)
            return result

        return (yield from self._guarded(place, attempt))

    def _parallel(self, place: Place) -> Generator[Effect, Any, Step]:
        def attempt(place: Place) -> Walk:
            value = self._evaluate(place, place.state.get("Arguments", place.value))
            [branch] = place.state["Branches"]
            result = yield from self.walk(branch, value, dict(place.variables))
            return [result]

        return (yield from self._guarded(place, attempt))

    # -- Retry and Catch ---------------------------------------------------------------------

    def _guarded(
        self, place: Place, attempt: Callable[[Place], Walk]
    ) -> Generator[Effect, Any, Step]:
        tries: Counter[int] = Counter()
        while True:
            try:
                result = yield from attempt(replace(place, retries=tries.total()))
                return self._leave(place, place.state, result, result=result)
            except Failed as failed:
                delay = self._delay(place.state, failed, tries)
                if delay is None:
                    return self._caught(place, failed)
            yield Pause(delay)

    def _delay(self, state: Definition, failed: Failed, tries: Counter[int]) -> float | None:
        """Return the seconds until the next try, None when there is none."""
        for number, retrier in enumerate(state.get("Retry", [])):
            if failed.matches(retrier["ErrorEquals"]):
                if tries[number] >= retrier.get("MaxAttempts", 3):
                    return None
                delay = retrier.get("IntervalSeconds", 1) * (
                    retrier.get("BackoffRate", 2.0) ** tries[number]
                )
                delay = min(delay, retrier.get("MaxDelaySeconds", delay))
                tries[number] += 1
                full = retrier.get("JitterStrategy") == "FULL"
                return self._chance.uniform(0, delay) if full else float(delay)
        return None

    def _caught(self, place: Place, failed: Failed) -> Step:
        output = {"Error": failed.error, "Cause": failed.cause}
        for catcher in place.state.get("Catch", []):
            if failed.matches(catcher["ErrorEquals"]):
                return self._leave(place, catcher, output, errorOutput=output)
        raise failed

    # -- data --------------------------------------------------------------------------------

    def _leave(self, place: Place, rule: Definition, value: Any, **states: Any) -> Step:
        """Output and Assign see the variables as they were before."""
        output = self._evaluate(place, rule["Output"], **states) if "Output" in rule else value
        assigned = self._evaluate(place, rule.get("Assign", {}), **states)
        place.variables.update(assigned)
        return output, rule.get("Next")

    def _evaluate(self, place: Place, template: Any, token: str = "", **states: Any) -> Any:
        state = {"Name": place.name, "EnteredTime": self._now(), "RetryCount": place.retries}
        context = {**self._context, "State": state} | ({"Task": {"Token": token}} if token else {})
        return evaluate(
            template, {"input": place.value, "context": context, **states}, place.variables
        )


_AT_ONCE: dict[str, Callable[[Interpreter, Place], Step]] = {
    "Pass": Interpreter._pass,
    "Choice": Interpreter._choice,
    "Succeed": Interpreter._succeed,
    "Fail": Interpreter._fail,
}
_LASTING: dict[str, Callable[[Interpreter, Place], Generator[Effect, Any, Step]]] = {
    "Task": Interpreter._task,
    "Wait": Interpreter._wait,
    "Parallel": Interpreter._parallel,
}
