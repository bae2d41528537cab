"""What does not work: the set-up, units, containers, changed files, facts without an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from host.diagnose.containers import is_ours
from host.diagnose.values import at, fields, lines, number, rows, spoken
from host.machine.causes import diagnosed
from host.machine.systemd import cause

Facts = dict[str, Any]


def setup_failed(facts: Facts) -> Iterator[str]:
    if at(facts, "setup", "phase", "phase") == "failed":
        yield f"the set-up failed: {spoken(at(facts, 'setup', 'phase', 'cause'))}"


def setup_unfinished(facts: Facts) -> Iterator[str]:
    setup = fields(facts.get("setup"))
    phase = fields(setup.get("phase"))
    if "done" in setup and not setup["done"] and phase.get("phase") != "failed":
        at_phase = f"{phase.get('phase')}, {phase.get('percent')} %" if phase else "not begun"
        yield f"the set-up is not finished: {at_phase}"


def units_failed(facts: Facts) -> Iterator[str]:
    for name, unit in _units(facts):
        if unit.get("ActiveState") == "failed":
            how = f"{unit.get('Result')}, status {unit.get('ExecMainStatus')}"
            yield f"{name} failed ({how}, {unit.get('NRestarts')} restarts): {_last_lines(unit)}"


def units_down(facts: Facts) -> Iterator[str]:
    """Name units that should always run; only after the set-up, which starts them."""
    for name, unit in _units(facts):
        state = unit.get("ActiveState")
        if unit.get("SubState") == "auto-restart":
            restarts = unit.get("NRestarts")
            yield f"{name} keeps exiting ({restarts} restarts): {_last_lines(unit)}"
        elif _should_run(name, unit) and state == "inactive" and at(facts, "setup", "done"):
            yield f"{name} is not running"


def _should_run(name: str, unit: dict[str, Any]) -> bool:
    waits = name.endswith((".timer", ".path")) and unit.get("UnitFileState") == "enabled"
    return waits or unit.get("Restart") == "always"


def _units(facts: Facts) -> list[tuple[str, dict[str, Any]]]:
    return [(name, fields(unit)) for name, unit in fields(facts.get("units")).items()]


def _last_lines(unit: dict[str, Any]) -> str:
    """Return what its journal means, as the agent reads it: a remedy where one is known."""
    said = lines(unit.get("journal"))
    ends = number(unit.get("NRestarts")) or 0
    return diagnosed("\n".join(said), int(ends) + 1) or cause(said)


def containers(facts: Facts) -> Iterator[str]:
    for each in rows(facts.get("containers")):
        state = each.get("State")
        if is_ours(each) and state not in ("running", None):
            yield f"the container {each.get('Names')} is {state}"


def files(facts: Facts) -> Iterator[str]:
    for how, names in fields(facts.get("integrity")).items():
        if how != "problem" and (shown := lines(names)):
            yield f"{len(shown)} of our files are {how}: {', '.join(shown[-10:])}"


def foreign_units(facts: Facts) -> Iterator[str]:
    for name in lines(facts.get("failed_units")):
        if name not in fields(facts.get("units")):
            yield f"{name} failed, which is not ours"


def unanswered(facts: Facts) -> Iterator[str]:
    for name, fact in facts.items():
        unwanted = name == "gpus" and at(facts, "settings", "ENGINE") in ("cpu", "none")
        if (problem := at(fact, "problem")) and not unwanted:
            yield f"{name} is unknown: {spoken(problem)}"
