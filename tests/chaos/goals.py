"""What must hold of every fault: each sentence that is returned is one that did not."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.faults import FAULTS, Fault
from chaos.trial import Outcome

MOST_FAILURES = 3  # repairs of a deployment that none improves
_BACK_SECONDS = 200.0  # from the return of capacity to the launch: a pool rests for 180


def missed(outcome: Outcome, fault: Fault | None = None) -> list[str]:
    """Return what does not hold. fault: another one than that of virtual time."""
    fault = fault or FAULTS[outcome.fault]
    return [
        *_end(fault, outcome),
        *_detection(fault, outcome),
        *_effort(fault, outcome),
        *_capacity(fault, outcome),
    ]


def _end(fault: Fault, outcome: Outcome) -> Iterator[str]:
    if outcome.ended != fault.ends:
        yield f"ended: {outcome.ended}, not {fault.ends}"


def _detection(fault: Fault, outcome: Outcome) -> Iterator[str]:
    limits = (("began", outcome.began, fault.began), ("known", outcome.known, fault.known))
    for what, seconds, limit in limits:
        if limit is not None and (seconds is None or seconds > limit):
            yield f"{what} after {seconds} s, not within {limit:g} s"
    if fault.first and outcome.rungs[:1] != (fault.first,):
        yield f"the first rung of {outcome.rungs} is not {fault.first}"


def _effort(fault: Fault, outcome: Outcome) -> Iterator[str]:
    if fault.repairs is not None and outcome.repaired != fault.repairs:
        yield f"{outcome.repaired} repairs helped, not {fault.repairs}"
    if outcome.executions > fault.executions:
        yield f"{outcome.executions} executions, at most {fault.executions}"
    if len(outcome.launches) > fault.launches:
        yield f"{len(outcome.launches)} launches, at most {fault.launches}"
    if outcome.failed_repairs > MOST_FAILURES:
        yield f"{outcome.failed_repairs} repairs failed, at most {MOST_FAILURES}"
    over = 3600 * (outcome.hours - fault.afterwards)
    if fault.afterwards and any(at > over for at in outcome.launches):
        yield f"an instance was launched after the end: {outcome.launches}"
    if fault.is_quiet and outcome.rungs:
        yield f"a healthy host was repaired: {', '.join(dict.fromkeys(outcome.rungs))}"


def _capacity(fault: Fault, outcome: Outcome) -> Iterator[str]:
    returned = fault.without_capacity
    if returned is not None and not any(
        returned <= at <= returned + _BACK_SECONDS for at in outcome.launches
    ):
        yield f"launched at {outcome.launches} s; capacity was back at {returned:.0f} s"
