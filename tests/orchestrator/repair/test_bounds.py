"""A repair is no loop: what was tried in vain is followed by more, then by an explanation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from orchestrator.ledger.rows import IncidentRow
from orchestrator.repair import bounds
from orchestrator.repair.rungs import LADDER, Facts, Rung, Verdict

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def ago(minutes):
    return (NOW - timedelta(minutes=minutes)).isoformat(timespec="microseconds")


def incident(minutes, *rungs, outcome="repaired", instance="i-1", cause="CUDA error", why="w"):
    tried = [{"rung": rung, "why": why, "at": ago(minutes), "outcome": "in vain"} for rung in rungs]
    closed = ago(minutes) if outcome else None
    return IncidentRow(
        opened_at=ago(minutes), began_at=ago(minutes), closed_at=closed, outcome=outcome,
        instance_id=instance, rungs=json.dumps(tried), cause=cause,
    )  # fmt: skip


def bounded(rung, *history, facts=None, since=""):
    wanted = Verdict(rung, "it is broken")
    past = bounds.Past(history, NOW, "i-1", since)
    return bounds.bounded(wanted, facts or Facts(heard=False, answers=False), past)


def failed(minutes, **more):
    return incident(minutes, Rung.REPLACE, outcome="failed", **more)


@pytest.mark.parametrize("rung", [Rung.NOTHING, Rung.WAIT, Rung.EXPLAIN])
def test_what_is_no_repair_has_no_bounds(rung):
    assert bounded(rung, *map(failed, range(5))).rung == rung


@pytest.mark.parametrize("rung", LADDER)
def test_the_first_time_what_is_wanted_is_done(rung):
    assert bounded(rung) == Verdict(rung, "it is broken")


@pytest.mark.parametrize(("rung", "following"), list(pairwise(LADDER)))
def test_what_was_tried_on_this_host_within_the_hour_is_followed_by_the_next(rung, following):
    assert bounded(rung, incident(59, rung)).rung == following
    assert bounded(rung, incident(61, rung)).rung == rung
    assert bounded(rung, incident(10, rung, instance="i-0")).rung == rung


def test_in_one_repair_every_rung_is_tried_once_upwards():
    rung, tried = Rung.RECONNECT, []
    while rung != Rung.REPLACE:
        tried.append(rung)
        rung = bounded(Rung.RECONNECT, incident(1, *tried, outcome=None)).rung

    assert tried == list(LADDER[:-1])


def test_a_repair_does_not_forget_what_it_has_tried_however_long_it_takes():
    own = incident(200, Rung.REBOOT, outcome=None)

    assert bounded(Rung.REBOOT, own).rung == Rung.REHOST


def test_repairs_that_fail_are_tried_again_after_growing_pauses():
    for failures, pause in ((1, 2), (2, 4)):
        past = [failed(60 + n) for n in range(failures - 1)]
        early = bounded(Rung.REPLACE, *past, failed(pause - 1))
        late = bounded(Rung.REPLACE, *past, failed(pause + 1))
        assert (early.rung, late.rung) == (Rung.WAIT, Rung.REPLACE), failures


def test_the_third_failure_in_a_row_is_explained_with_its_cause():
    verdict = bounded(Rung.REPLACE, *map(failed, (500, 400, 300)))

    assert verdict.rung == Rung.EXPLAIN
    assert verdict.why == "3 repairs in a row failed: CUDA error"


def test_what_failed_before_it_served_or_before_this_outage_is_forgiven():
    past = [failed(n) for n in (500, 400, 300)]

    assert bounded(Rung.REPLACE, *past, since=ago(350)).rung == Rung.REPLACE
    assert bounded(Rung.REPLACE, *past, since=ago(600)).rung == Rung.EXPLAIN


@pytest.mark.parametrize("outcome", ["no-capacity", "aborted"])
def test_what_did_not_fail_does_not_count(outcome):
    past = [incident(n, outcome=outcome) for n in (4, 3, 2, 1)]

    assert bounded(Rung.REPLACE, *past).rung == Rung.REPLACE


def test_what_failed_without_a_new_host_does_not_count():
    past = [incident(n, Rung.RECONNECT, outcome="failed") for n in (300, 200, 100)]

    assert bounded(Rung.REPLACE, *past).rung == Rung.REPLACE


def test_a_deployment_that_flaps_costs_four_hosts_an_hour_at_most():
    past = [incident(n, Rung.REPLACE, instance=f"i-{n}") for n in (50, 40, 30, 20)]

    assert bounded(Rung.REPLACE, *past[1:]).rung == Rung.REPLACE
    assert bounded(Rung.REPLACE, *past).rung == Rung.WAIT
    assert bounded(Rung.REHOST, *past).rung == Rung.REHOST


def test_what_an_operator_asked_for_is_no_flapping():
    wished = {"why": "an operator wants it: manual"}
    past = [incident(n, Rung.REPLACE, instance=f"i-{n}", **wished) for n in range(50, 38, -1)]

    assert bounded(Rung.REPLACE, *past).rung == Rung.REPLACE


def test_hosts_that_ec2_takes_one_after_the_other_are_followed_by_others_after_a_while():
    gone = Facts(state="terminated", answers=False)
    past = [incident(n, Rung.REPLACE, instance=f"i-{n}") for n in (50, 40, 30)]

    early = bounded(Rung.REPLACE, *past, incident(9, Rung.REPLACE), facts=gone)
    late = bounded(Rung.REPLACE, *past, incident(11, Rung.REPLACE), facts=gone)

    assert (early.rung, late.rung) == (Rung.WAIT, Rung.REPLACE)


def test_a_host_that_fails_all_day_is_for_an_operator_however_often_a_repair_helped():
    past = [incident(120 * n, Rung.REBOOT, instance=f"i-{n}") for n in range(10, 0, -1)]

    assert bounded(Rung.REBOOT, *past[1:]).rung == Rung.REBOOT
    assert bounded(Rung.REBOOT, *past).rung == Rung.EXPLAIN
    assert bounded(Rung.REPLACE, *past, facts=Facts(state="stopped", answers=False)).rung == (
        Rung.REPLACE
    )


@pytest.mark.parametrize("serving", [{"answers": True}, {"answers": False, "answers_itself": True}])
def test_what_serves_is_touched_once_in_six_hours_and_never_by_more(serving):
    facts = Facts(heard=False, **serving)

    for rung in (Rung.RESTART, Rung.RECONNECT, Rung.REPLACE):
        assert bounded(rung, facts=facts).rung == rung
        assert bounded(rung, incident(300, rung), facts=facts).rung == Rung.WAIT
        assert bounded(
            rung, incident(300, rung), *map(failed, (200, 100, 50)), facts=facts
        ).rung == (Rung.WAIT)
        assert bounded(rung, incident(400, rung), facts=facts).rung == rung
