"""Which requests miss the goals of a change."""

from __future__ import annotations

import pytest

from changes.client import Asked
from changes.scenarios import BARE, NAMED, Outcome, Scenario, _other_than_said, _problems

LONG = Asked(0.0, is_stream=True, status=200, seconds=10.0, is_whole=True, model="m")
CUT = Asked(0.0, is_stream=True, status=200, seconds=6.0, is_whole=False, model="m")
REFUSED = [Asked(1 + n, is_stream=False, status=503, seconds=0.1, is_whole=True) for n in range(12)]
BY_ADDRESS, BY_NAME = Scenario("another model", BARE), Scenario("another model", NAMED)
KILLED = Scenario("its host dies", NAMED, kills=True)


def ended(at: float, seconds: float = 0.5) -> Asked:
    return Asked(at, is_stream=False, status="ReadError", seconds=seconds, is_whole=False)


def problems(scenario: Scenario, *asked: Asked) -> list[str]:
    inside = sorted(asked, key=lambda each: each.at)
    return _problems(Outcome("", scenario.is_named, inside, 0, 13, "", before="m"), scenario)


def test_refusals_while_an_answer_runs_and_one_moment_of_moving_miss_no_goal() -> None:
    assert problems(BY_ADDRESS, LONG, *REFUSED, ended(12.1), ended(12.4)) == []
    assert problems(KILLED, LONG, ended(1), ended(9)) == []


@pytest.mark.parametrize(
    ("scenario", "asked", "missed"),
    [
        (BY_ADDRESS, [LONG, CUT], "1 streams were cut"),
        (BY_ADDRESS, REFUSED, "requests were refused for 11.0 s after the last answer"),
        (BY_ADDRESS, [LONG, ended(11), ended(12)], "2 connections ended, at more than one moment"),
        (BY_NAME, [LONG, REFUSED[0]], "1 requests were not answered"),
        (KILLED, [CUT, LONG], "1 streams of the old host were cut"),
        (KILLED, [LONG, ended(1), ended(17)], "the old host answered after 16.0 s only"),
    ],
)
def test_what_a_change_does_not_explain_misses_a_goal(
    scenario: Scenario, asked: list[Asked], missed: str
) -> None:
    assert problems(scenario, *asked) == [missed]


@pytest.mark.parametrize(("longest", "is_so"), [(10, True), (5, False), (20, False)])
def test_streams_have_to_be_as_long_as_the_page_says(longest: int, *, is_so: bool) -> None:
    outcome = Outcome("", is_named=True, asked=[LONG, CUT], began=0, ended=13, error="")

    assert (_other_than_said(outcome, longest) == []) == is_so
