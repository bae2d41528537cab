"""One look at the host. The first of these that has something to say decides:

the set-up   its own phase, while it runs or after it failed
the units    systemd gave up on one, or one keeps exiting for a known reason
the machine  a GPU is gone, or the engine's container lost it
the layers   engine, nginx, gateway answer; a new host is also asked for one token
progress     an engine that answers may hang
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from host.agent import certificate, spool
from host.agent.phases import Broken, Seen, State
from host.agent.settings import Settings
from host.agent.units import Units
from host.machine import causes, judgement
from host.machine.judgement import Facts
from host.probes import layers
from host.probes.api_key import ApiKey
from host.probes.check import Check, Verdict
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
        """Return what is seen now. state: the host's before this look."""
        self.facts = judgement.load(self._settings.machine_file, self._wall())
        self.certificate = certificate.load(self._settings.certificate_file)
        if setup := spool.read(self._settings.phase_file):
            return Seen(setup=setup)
        down = self._units.down()
        if down and down.gave_up:
            return Seen(gave_up=down.why, blame=down.blame)
        check = layers.look(
            self._settings.chain, self._api_key, with_completion=not state.is_serving
        )
        works = check.verdict is Verdict.WORKS
        hangs = self._progress.judge(check, serves=state.is_serving)
        if lost := judgement.lost(self.facts, serves=works and not hangs):
            return Seen(gave_up=lost, blame=causes.HARDWARE)
        if broken := judgement.without_gpu(self.facts) or hangs:
            return Seen(broken=Broken("engine", broken))
        if works:
            self._units.served()
        elif down:
            return Seen(gave_up=down.why, blame=down.blame)
        return Seen(check=check, loading=None if works else self._loading(state, check))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last look: sentences with their remedies."""
        problem = self.certificate.problem
        return (*judgement.warnings(self.facts), *([problem] if problem else []))

    def _loading(self, state: State, check: Check) -> tuple[str, int | None] | None:
        """Return (phase, percent) of an engine that loads and does not answer yet."""
        if state.phase in {"serving", "unhealthy"} or check.verdict is not Verdict.DEAD:
            return None
        if (percent := self._units.loaded_percent()) is not None:
            return "loading", percent
        wanted = _bytes(self._settings.weights_file)
        if self.facts and 0 < self.facts.fetched < wanted:
            return "weights", 100 * self.facts.fetched // wanted
        return None


def _bytes(file: Path | None) -> int:
    """Return the model's size as 35-weights.sh noted it; 0 when it is unknown."""
    try:
        return int(json.loads(file.read_text())["bytes"]) if file else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
