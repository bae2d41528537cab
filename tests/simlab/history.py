"""What happened, in order: two runs of one seed have the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from awssim.clock import Clock


@dataclass(frozen=True, slots=True)
class Moment:
    """seconds: of the account's time. who: the execution, host or function concerned."""

    seconds: float
    what: str
    who: str
    facts: dict[str, Any]

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.facts.items() if value != "")
        return f"{self.seconds:12.3f} {self.what:9} {self.who} {facts}".rstrip()


@dataclass(slots=True)
class History:
    clock: Clock
    moments: list[Moment] = field(default_factory=list)

    def add(self, what: str, who: str, **facts: Any) -> None:
        self.moments.append(Moment(self.clock.seconds, what, who, facts))

    def of(self, what: str, **facts: Any) -> list[Moment]:
        """Return the moments of one kind that have these facts too."""
        return [
            moment
            for moment in self.moments
            if moment.what == what and facts.items() <= moment.facts.items()
        ]

    def __str__(self) -> str:
        return "\n".join(map(str, self.moments))
