"""A goal that is missed is found; one that holds is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.faults import FAULTS
from chaos.goals import missed
from chaos.trial import Outcome

GOOD = Outcome(
    fault="terminate",
    seed=1,
    ended="serves",
    source="ec2",
    known=0.0,
    began=2.5,
    rungs=("replace",),
    serving=400.0,
    executions=2,
    repaired=1,
    failed_repairs=0,
    failed=400,
    launches=(12.0,),
    hours=0.2,
    cpu=1.0,
)


def test_what_went_well_misses_nothing():
    assert missed(GOOD) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ended": "failed: no key"}, "ended: failed: no key, not serves"),
        ({"began": 10.1}, "began after 10.1 s, not within 10 s"),
        ({"began": None}, "began after None s, not within 10 s"),
        (
            {"rungs": ("reboot", "replace")},
            "the first rung of ('reboot', 'replace') is not replace",
        ),
        ({"repaired": 2}, "2 repairs helped, not 1"),
        ({"repaired": 0}, "0 repairs helped, not 1"),
        ({"executions": 4}, "4 executions, at most 3"),
        ({"launches": (1.0, 2.0)}, "2 launches, at most 1"),
        ({"failed_repairs": 4}, "4 repairs failed, at most 3"),
    ],
)
def test_each_goal_can_be_missed(change, sentence):
    assert missed(replace(GOOD, **change)) == [sentence]


def test_what_only_a_look_finds_has_a_minute_and_its_delivery():
    found = replace(GOOD, fault="event-lost", source="reconciler", known=65.0, began=90.0)

    assert missed(found) == []
    assert missed(replace(found, known=65.1)) == ["known after 65.1 s, not within 65 s"]


def test_a_week_without_a_fault_has_no_repair():
    week = replace(GOOD, fault="healthy", rungs=(), repaired=0, executions=0, launches=())

    assert missed(week) == []
    found = missed(replace(week, rungs=("reconnect",)))
    assert found == ["a healthy host was repaired: reconnect"]


def test_capacity_that_is_back_is_used_after_a_pools_rest():
    away = replace(GOOD, fault="capacity-away", launches=(18_200.0,))

    assert missed(away) == []
    assert "launched at (18201.0,) s" in missed(replace(away, launches=(18_201.0,)))[0]


def test_nothing_is_launched_for_a_model_that_was_given_up():
    given_up = replace(
        GOOD, fault="bad-model", ended="explained", repaired=0, launches=(10.0,), hours=24.5
    )

    assert missed(given_up) == []
    assert "after the end" in missed(replace(given_up, launches=(10.0, 7_200.0)))[0]


def test_every_fault_has_a_limit_for_what_it_may_cost():
    assert all(each.launches <= 3 for each in FAULTS.values())
