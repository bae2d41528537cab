"""A short fuzz; `make fuzz` sends twenty times as much."""

from __future__ import annotations

from hostile.fuzz import fuzz
from hostile.fuzzing.generator import shot


async def test_five_thousand_mutated_requests_break_nothing() -> None:
    report = await fuzz(range(5000), seed=1)

    assert not report.wrong, str(report)


def test_a_shot_is_the_same_whenever_it_is_sent() -> None:
    assert [shot(7, number) for number in range(50)] == [shot(7, number) for number in range(50)]
    assert shot(7, 0) != shot(8, 0)
