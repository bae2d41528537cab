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


def incident(minutes, *rungs, outcome="repaired", instance="i-1", cause="CUDA error"):
    tried = [{"rung": rung, "why": "w", "at": ago(minutes), "outcome": "in vain"} for rung in rungs]
    closed = ago(minutes) if outcome else None
    return IncidentRow(
        opened_at=ago(minutes), began_at=ago(minutes), closed_at=closed, outcome=outcome,
        instance_id=instance, rungs=json.dumps(tried), cause=cause,
    )  # fmt: skip


def bounded(rung, *history, facts=None):
    wanted = Verdict(rung, "it is broken")
    return bounds.bounded(wanted, facts or Facts(heard=False, answers=False), history, NOW, "i-1")


@pytest.mark.parametrize("rung", [Rung.NOTHING, Rung.WAIT, Rung.EXPLAIN])
def test_what_is_no_repair_has_no_bounds(rung):
    failed = [incident(n, outcome="failed") for n in range(5)]

    assert bounded(rung, *failed).rung == rung


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


def test_repairs_that_fail_are_tried_again_after_growing_pauses():
    for failures, pause in ((1, 2), (2, 4)):
        past = [incident(60 + n, outcome="failed") for n in range(failures - 1)]
        early = bounded(Rung.REPLACE, *past, incident(pause - 1, outcome="failed"))
        late = bounded(Rung.REPLACE, *past, incident(pause + 1, outcome="failed"))
        assert (early.rung, late.rung) == (Rung.WAIT, Rung.REPLACE), failures


def test_the_third_failure_in_a_row_is_explained_with_its_cause():
    failed = [incident(n, outcome="failed") for n in (500, 400, 300)]

    verdict = bounded(Rung.REPLACE, *failed)

    assert verdict.rung == Rung.EXPLAIN
    assert verdict.why == "3 repairs in a row failed: CUDA error"


def test_a_repair_that_helped_forgives_those_before_it():
    past = [incident(900 - n, outcome="failed") for n in range(3)]

    assert bounded(Rung.REPLACE, *past, incident(300)).rung == Rung.REPLACE


def test_what_failed_before_the_deployment_served_again_is_forgiven():
    failed = [incident(n, outcome="failed") for n in (500, 400, 300)]
    wanted = Verdict(Rung.REPLACE, "lost")

    since = [
        bounds.bounded(wanted, Facts(), failed, NOW, "i-1", ago(minutes)).rung
        for minutes in (350, 200)
    ]

    assert since == [Rung.REPLACE, Rung.REPLACE]
    assert bounds.bounded(wanted, Facts(), failed, NOW, "i-1", ago(600)).rung == Rung.EXPLAIN


@pytest.mark.parametrize("outcome", ["no-capacity", "aborted"])
def test_what_did_not_fail_does_not_count(outcome):
    past = [incident(n, outcome=outcome) for n in (4, 3, 2, 1)]

    assert bounded(Rung.REPLACE, *past).rung == Rung.REPLACE


def test_a_deployment_that_flaps_costs_four_hosts_an_hour_at_most():
    past = [incident(n, Rung.REPLACE, instance=f"i-{n}") for n in (50, 40, 30, 20)]

    assert bounded(Rung.REPLACE, *past[1:]).rung == Rung.REPLACE
    assert bounded(Rung.REPLACE, *past).rung == Rung.WAIT
    assert bounded(Rung.REHOST, *past).rung == Rung.REHOST
