"""A dashboard as values: rows of panels, and where each panel stands.

A panel may be drawn from two sources: the gateway's Prometheus metrics, and CloudWatch. A dashboard
of one source leaves out the panels that have nothing of it. Both have a grid of 24 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

COLUMNS, WIDTH, HEIGHT = 24, 8, 6

Unit = Literal["seconds", "percent", "share", "per second", "count", "days"]
Source = Literal["prometheus", "cloudwatch"]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """expression: PromQL. label: of its lines, with {{names}} of Prometheus's labels."""

    expression: str
    label: str


@dataclass(frozen=True, slots=True)
class CloudWatch:
    """One metric. dimensions: name -> value; values may hold CloudFormation's ${substitutions}."""

    namespace: str
    metric: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """about: what it shows, and what to do about it."""

    title: str
    unit: Unit
    about: str
    prometheus: tuple[Prometheus, ...] = ()
    cloudwatch: tuple[CloudWatch, ...] = ()

    def has(self, source: Source) -> bool:
        return bool(getattr(self, source))


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """In the grid, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


def placed(rows: Sequence[Row], source: Source) -> Iterator[tuple[Row | Panel, Place]]:
    """Yield each row's title and its panels, left to right, with their places."""
    y = 0
    for row in rows:
        panels = [panel for panel in row.panels if panel.has(source)]
        if not panels:
            continue
        yield row, Place(0, y, COLUMNS, 1)
        y += 1
        a_line = COLUMNS // WIDTH
        for number, panel in enumerate(panels):
            line, column = divmod(number, a_line)
            yield panel, Place(column * WIDTH, y + line * HEIGHT, WIDTH, HEIGHT)
        y += -(-len(panels) // a_line) * HEIGHT
