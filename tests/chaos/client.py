"""A client that asks the endpoint every second of virtual time, and never stops."""

from __future__ import annotations

from simlab import World

_EVERY = 1.0


class Client:
    """failed: the virtual seconds at which a request got no answer. asked: how many there were."""

    def __init__(self, world: World, endpoint: str) -> None:
        self._world, self._endpoint = world, endpoint
        self.asked, self.failed = 0, list[float]()
        self.began = self._next = world.clock.seconds + _EVERY
        self._due()

    @property
    def served_for(self) -> float:
        """Seconds since the last request that failed, or since it began."""
        return self._world.clock.seconds - (self.failed[-1] if self.failed else self.began)

    def failed_since(self, moment: float) -> list[float]:
        return [each for each in self.failed if each >= moment]

    def _due(self) -> None:
        self._world.schedule.at(self._next, self._ask)

    def _ask(self) -> None:
        self.asked += 1
        if self._world.serving(self._endpoint) is None:
            self.failed.append(self._next)
        self._next += _EVERY
        self._due()
