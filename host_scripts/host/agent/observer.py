"""One look at the host: everything that can be seen, in the order in which it decides.

the set-up   says for itself how far it is
the units    systemd gave up on one, or one ends again and again of something known
the machine  a GPU is gone, or the container lost it
the layers   engine, nginx, gateway answer; a new host also gives one token
progress     an engine that answers may hang
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from host.agent import certificate, spool
from host.agent.phases import Broken, Seen
from host.machine import judgement
from host.probes import layers
from host.probes.check import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from host.agent.phases import State
    from host.agent.settings import Settings
    from host.agent.units import Units
    from host.machine.judgement import Facts
    from host.probes.api_key import ApiKey
    from host.probes.check import Check
    from host.probes.progress import Progress


class Observer:
    """wall: seconds since the epoch."""

    def __init__(
        self,
        settings: Settings,
        api_key: ApiKey,
        units: Units,
        progress: Progress,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._api_key, self._units, self._progress = (
            settings,
            api_key,
            units,
            progress,
        )
        self._wall = wall
        self.facts: Facts | None = None
        self.certificate = certificate.Verdict()

    def look(self, state: State) -> Seen:
        """Return what is seen now, of a host that was in this state."""
        self.facts = judgement.load(self._settings.machine_file, self._wall())
        self.certificate = certificate.load(self._settings.certificate_file)
        if setup := spool.read(self._settings.phase_file):
            return Seen(setup=setup)
        down = self._units.down()
        if down and down.gave_up:
            return Seen(gave_up=down.why)
        check = layers.look(
            self._settings.chain, self._api_key, with_completion=not state.is_serving
        )
        works = check.verdict is Verdict.WORKS
        hangs = self._progress.judge(check, serves=state.is_serving)
        if lost := judgement.lost(self.facts, serves=works and not hangs):
            return Seen(gave_up=lost)
        if broken := judgement.without_gpu(self.facts) or hangs:
            return Seen(broken=Broken("engine", broken))
        if works:
            self._units.served()
        elif down:
            return Seen(gave_up=down.why)
        return Seen(check=check, loading=None if works else self._loading(state, check))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what an operator should know, of the last look: sentences with their remedies."""
        problem = self.certificate.problem
        return (*judgement.warnings(self.facts), *([problem] if problem else []))

    def _loading(self, state: State, check: Check) -> tuple[str, int | None] | None:
        """Return how far an engine is of which nothing answers yet: (phase, percent)."""
        if state.phase in {"serving", "unhealthy"} or check.verdict is not Verdict.DEAD:
            return None
        if (percent := self._units.loaded_percent()) is not None:
            return "loading", percent
        wanted = _bytes(self._settings.weights_file)
        if self.facts and 0 < self.facts.fetched < wanted:
            return "weights", 100 * self.facts.fetched // wanted
        return None


def _bytes(file: Path | None) -> int:
    """Return what 35-weights.sh found out about the model's size; 0 where nobody knows."""
    try:
        return int(json.loads(file.read_text())["bytes"]) if file else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
