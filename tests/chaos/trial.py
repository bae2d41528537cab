"""One fault: it strikes, time passes until it is over, and what happened is counted."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simlab.workflows.executions import Execution

from chaos.faults import EXPLAINED, FAULTS, GONE, SERVES, Fault
from chaos.scene import Scene, opened

_SERVED_SECONDS = 300.0
_PATIENCE_HOURS = 12.0
_REPORT_SECONDS = 300.0  # of a host in a week without a fault: a third of the silence that counts
_STEP = 15.0  # virtual seconds between two questions whether it is over
NOT_REPAIRABLE = "NotRepairable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Virtual seconds, from the fault on.

    source: who found it. known: until the first sign of it was seen; began: until a repair worked
    on it. rungs: climbed, in their order. serving: until requests were answered for good.
    executions: of the repair workflow; repaired: those that helped, failed_repairs: those that did
    not. failed: client requests. launches: when each instance was launched. cpu: seconds of this
    machine.
    """

    fault: str
    seed: int
    ended: str
    source: str | None
    known: float | None
    began: float | None
    rungs: tuple[str, ...]
    serving: float | None
    executions: int
    repaired: int
    failed_repairs: int
    failed: int
    launches: tuple[float, ...]
    hours: float
    cpu: float

    @classmethod
    def of(cls, document: dict[str, Any]) -> Outcome:
        """Read what `asdict` and JSON made of one."""
        lists = {name: tuple(document[name]) for name in ("rungs", "launches")}
        return cls(**{**document, **lists})


def play(name: str, seed: int, *, hours: float = 168, copies: int = 1000) -> Outcome:
    """hours: of a time without a fault. copies: how many events a storm has."""
    fault, cpu = FAULTS[name], time.process_time()
    rarely = _REPORT_SECONDS if fault.is_quiet else None
    how: dict[str, Any] = {"again": fault.again, "report_seconds": rarely}
    with opened(seed, name, hours=hours, copies=copies, **how) as scene:
        scene.world.pass_(seconds=scene.chance.uniform(60, 180))
        before = len(scene.incidents)
        struck = scene.world.clock.seconds
        started = {each.name for each in scene.executions("repair")}
        fault.strike(scene)
        _await_end(scene, fault, struck)
        scene.world.pass_(hours=fault.afterwards)
        repairs = [each for each in scene.executions("repair") if each.name not in started]
        return _counted(scene, name, seed, struck, repairs, scene.incidents[before:], cpu)


def _await_end(scene: Scene, fault: Fault, struck: float) -> None:
    clock, lasts = scene.world.clock, 3600 * scene.hours if fault.is_quiet else fault.lasts
    scene.world.pass_(seconds=lasts)
    while not is_over(scene) and clock.seconds - struck < 3600 * _PATIENCE_HOURS:
        scene.world.pass_(seconds=_STEP)


def is_over(scene: Scene) -> bool:
    """It has served for five minutes, or was given up, or torn down; no workflow is at work."""
    if any(each.runs for each in scene.world.executions.all.values()):
        return False
    return scene.client.served_for >= _SERVED_SECONDS or ended(scene) in {EXPLAINED, GONE}


def ended(scene: Scene) -> str:
    row = scene.deployment
    reason = str(row.get("reason") or "")
    if row["status"] == "failed" and reason.startswith(NOT_REPAIRABLE):
        return EXPLAINED
    if row["status"] == "absent":
        return GONE
    if row["status"] == "serving" and scene.world.serving(scene.endpoint):
        return SERVES
    return f"{row['status']}: {reason}"


def _counted(
    scene: Scene,
    name: str,
    seed: int,
    struck: float,
    repairs: Sequence[Execution],
    incidents: Sequence[dict[str, Any]],
    cpu: float,
) -> Outcome:
    first = incidents[0] if incidents else {}
    failed = scene.client.failed_since(struck)
    how = ended(scene)
    stopped = failed[-1] + 1 - struck if failed else 0.0
    return Outcome(
        fault=name,
        seed=seed,
        ended=how,
        source=first.get("source"),
        known=_since(scene, struck, first.get("detected_at")),
        began=_since(scene, struck, first.get("began_at")),
        rungs=tuple(rung for each in incidents for rung in _rungs(each)),
        serving=round(stopped) if how == SERVES else None,
        executions=len(repairs),
        repaired=sum(each.get("outcome") == "repaired" for each in incidents),
        failed_repairs=sum(each.get("outcome") == "failed" for each in incidents),
        failed=len(failed),
        launches=tuple(round(at - struck, 1) for at in scene.launches() if at >= struck),
        hours=round((scene.world.clock.seconds - struck) / 3600, 2),
        cpu=round(time.process_time() - cpu, 1),
    )


def _rungs(incident: dict[str, Any]) -> list[str]:
    return [each["rung"] for each in json.loads(incident.get("rungs") or "[]")]


def _since(scene: Scene, struck: float, moment: str | None) -> float | None:
    """Return the seconds from the fault to a moment of the ledger; an event's own is cut to whole
    seconds, and may lie before it.
    """
    if moment is None:
        return None
    clock = scene.world.clock
    ago = (clock.now() - datetime.fromisoformat(moment)).total_seconds()
    return round(max(0.0, clock.seconds - ago - struck), 1)
