"""Several faults in one life of a deployment, one after the other: for the picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chaos.faults import FAULTS
from chaos.scene import Scene, opened
from chaos.trial import is_over

FAULTS_OF_THE_MIX = (
    *("terminate", "host-failed-hardware", "firewall-closed", "retire", "status-check-instance"),
    "event-lost",
)
_PAUSE = (120.0, 400.0)  # seconds between the end of one and the next
_STEP = 15.0


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the beginning of the timeline."""

    what: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """failed: when requests failed, in seconds from its beginning; so are the other moments."""

    seconds: float
    asked: int
    failed: tuple[float, ...]
    faults: tuple[tuple[float, str], ...]
    incidents: tuple[Span, ...]
    rungs: tuple[Span, ...]
    seed: int


def play(seed: int, names: Sequence[str] = FAULTS_OF_THE_MIX) -> Timeline:
    with opened(seed, "mix") as scene:
        began, struck = scene.world.clock.seconds, []
        scene.world.pass_(seconds=scene.chance.uniform(*_PAUSE))
        for name in names:
            now = replace(scene, instance=str(scene.world.serving(scene.endpoint)))
            struck.append((scene.world.clock.seconds - began, name))
            FAULTS[name].strike(now)
            _await_end(now, FAULTS[name].lasts)
            scene.world.events.is_lost = lambda _: False
            scene.world.pass_(seconds=scene.chance.uniform(*_PAUSE))
        return _timeline(scene, seed, began, tuple(struck))


def _await_end(scene: Scene, lasts: float) -> None:
    scene.world.pass_(seconds=lasts)
    while not is_over(scene):
        scene.world.pass_(seconds=_STEP)


def _timeline(
    scene: Scene, seed: int, began: float, struck: tuple[tuple[float, str], ...]
) -> Timeline:
    clock = scene.world.clock
    zero = clock.now().timestamp() - (clock.seconds - began)

    def at(moment: str) -> float:
        return datetime.fromisoformat(moment).timestamp() - zero

    incidents = [
        Span(f"{row['source']}: {row['outcome']}", at(row["began_at"]), at(row["closed_at"]))
        for row in scene.incidents
    ]
    tried: list[dict[str, Any]] = [
        rung for row in scene.incidents for rung in json.loads(row["rungs"])
    ]
    rungs = [Span(each["rung"], at(each["at"]), at(each["ended_at"])) for each in tried]
    return Timeline(
        seconds=clock.seconds - began,
        asked=scene.client.asked,
        failed=tuple(each - began for each in scene.client.failed),
        faults=struck,
        incidents=tuple(incidents),
        rungs=tuple(rungs),
        seed=seed,
    )
