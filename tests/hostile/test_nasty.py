"""Bodies of 50 MiB that are laborious to read, sent to a gateway: no turn of its loop is long."""

from __future__ import annotations

import pytest

from hostile.nasty.measuring import Cost, measure
from hostile.nasty.shapes import PLAIN, SHAPES, SIZE, Shape

MOST_READ = 256 * 1024  # bytes, between two turns of the loop
MOST_TIMES = 15  # a plain body's longest turn, in processor time
MOST_MEMORY = 2  # times the body


@pytest.fixture(scope="module")
def plain() -> Cost:
    return measure(PLAIN, SIZE)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_nasty_body_is_read_in_short_turns_and_held_once(plain: Cost, shape: Shape) -> None:
    cost = measure(shape, SIZE)

    assert (cost.status, plain.status) == (200, 200)
    assert cost.size > 0.99 * SIZE
    assert cost.turns > SIZE / MOST_READ
    assert cost.most_read <= MOST_READ
    assert cost.longest <= MOST_TIMES * plain.longest
    assert cost.memory <= MOST_MEMORY * cost.size
