"""When the host that serves is replaced by itself: its age, and windows of the week."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.spec.patterns import TIME_ZONE
from orchestrator.spec.schedule import Schedule, Window
from orchestrator.spec.schema.fields import option, sections


@dataclass(frozen=True, slots=True)
class Rotation:
    """Without every_days the deployment is rotated by command only."""

    every_days: int | None = option(
        None,
        about="age of the host, days, from which on it is rotated in the next window; null: never",
        type=["integer", "null"],
        minimum=1,
        maximum=365,
        examples=[30],
    )
    time_zone: str | None = option(
        None,
        about="IANA time zone of the windows, summer time included",
        type=["string", "null"],
        pattern=TIME_ZONE,
        maxLength=50,
        examples=["Europe/Berlin"],
    )
    on: tuple[Window, ...] = sections(
        Window,
        about="windows in which a rotation may begin, up to half an hour before their end",
        maxItems=14,
        examples=[[{"days": ["sun"], "start": "03:00", "stop": "05:00"}]],
    )

    @property
    def windows(self) -> Schedule:
        """Return its windows as a schedule has them: each begins at a start."""
        return Schedule(self.time_zone, self.on)
