"""The calls of a seed: number N is always the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from vllmlab.calls import good, odd, pooling
from vllmlab.calls.call import Call, Family


def calls(seed: int, count: int) -> Iterator[Call]:
    """Yield calls for an engine that generates, of each kind in turn."""
    return _of((*good.FAMILIES, *odd.FAMILIES), seed, count)


def pooling_calls(seed: int, count: int) -> Iterator[Call]:
    """Yield calls for an engine that pools."""
    return _of(pooling.FAMILIES, seed, count)


def _of(families: tuple[Family, ...], seed: int, count: int) -> Iterator[Call]:
    for number in range(count):
        chance = random.Random(f"{seed}:{number}")  # noqa: S311 -- a test's dice must repeat
        yield families[number % len(families)](chance)
