"""The smallest repair that may help, over the whole product of what may be known of a host."""

from __future__ import annotations

from itertools import product

import pytest
from orchestrator.launch import instances
from orchestrator.repair import rungs
from orchestrator.repair.rungs import LADDER, Blame, Facts, Rung

STATES = ["pending", "running", "stopping", "stopped", "shutting-down", "terminated", "absent"]
PHASES = [None, "booting", "loading", "serving", "unhealthy", "failed", "draining"]
CHECKS = [frozenset(), frozenset({"system"}), frozenset({"instance"}), frozenset({"attached-disk"})]
EVERYTHING = [
    Facts(
        state=state,
        answers=answers and state not in instances.LOST,
        phase=phase,
        heard=heard,
        unwell_seconds=unwell,
        failing=failing,
        ending=ending,
        blame=blame,
        can_rehost=can_rehost,
    )
    for state, answers, phase, heard, unwell, failing, ending, blame, can_rehost in product(
        STATES,
        [True, False],
        PHASES,
        [True, False],
        [0.0, 1_000.0, 10_000.0],
        CHECKS,
        [None, "instance-retirement"],
        list(Blame),
        [True, False],
    )
]


def well(facts):
    return facts.answers and facts.heard and facts.phase != "failed"


@pytest.mark.parametrize(("rule", "concerned", "holds"), [
    ("a lost instance is replaced",
     lambda f: f.state in instances.LOST, lambda _, rung: rung == Rung.REPLACE),
    ("one that will end is replaced before it does",
     lambda f: f.ending, lambda _, rung: rung == Rung.REPLACE),
    ("what answers and is heard of is not touched",
     lambda f: well(f) and f.state not in instances.LOST and not f.ending,
     lambda _, rung: rung == Rung.NOTHING),
    ("only what answers is left alone",
     lambda f: not f.answers, lambda _, rung: rung != Rung.NOTHING),
    ("only a host that was heard of lately is waited for",
     lambda f: not f.heard, lambda _, rung: rung != Rung.WAIT),
    ("no machine is stopped that could not start again",
     lambda f: not f.can_rehost, lambda _, rung: rung != Rung.REHOST),
    ("an agent is restarted only while its host serves",
     lambda f: not f.answers, lambda _, rung: rung != Rung.RESTART),
    ("what a setting breaks, no repair improves",
     lambda f: f.heard and f.phase == "failed" and f.blame == Blame.CONFIGURATION
     and f.state not in instances.LOST and not f.ending,
     lambda _, rung: rung == Rung.EXPLAIN),
    ("nothing is waited for longer than it takes",
     lambda f: f.unwell_seconds > rungs.LOADING_SECONDS, lambda _, rung: rung != Rung.WAIT),
])  # fmt: skip
def test_of_everything_that_may_be_known(rule, concerned, holds):
    found = [facts for facts in EVERYTHING if concerned(facts)]

    assert found
    for facts in found:
        verdict = rungs.first(facts)
        assert holds(facts, verdict.rung), (rule, facts, verdict)
        assert verdict.why


@pytest.mark.parametrize(("facts", "rung"), [
    (Facts(), Rung.NOTHING),
    (Facts(phase="loading", answers=False, unwell_seconds=600), Rung.WAIT),
    (Facts(phase="unhealthy", answers=False, unwell_seconds=60), Rung.WAIT),
    (Facts(phase="unhealthy", answers=False, unwell_seconds=601), Rung.REBOOT),
    (Facts(phase="loading", answers=False, unwell_seconds=4000), Rung.REBOOT),
    (Facts(answers=False), Rung.RECONNECT),
    (Facts(answers=False, heard=False), Rung.RECONNECT),
    (Facts(heard=False), Rung.RESTART),
    (Facts(answers=False, failing=frozenset({"instance"})), Rung.REBOOT),
    (Facts(answers=False, failing=frozenset({"instance", "system"})), Rung.REHOST),
    (Facts(answers=False, failing=frozenset({"system"}), can_rehost=False), Rung.REPLACE),
    (Facts(failing=frozenset({"instance"})), Rung.NOTHING),
    (Facts(phase="failed", answers=False), Rung.REBOOT),
    (Facts(phase="failed", answers=False, blame=Blame.HARDWARE), Rung.REHOST),
    (Facts(phase="failed", blame=Blame.CONFIGURATION), Rung.EXPLAIN),
])  # fmt: skip
def test_the_smallest_rung_for(facts, rung):
    assert rungs.first(facts).rung == rung


def test_every_rung_is_followed_by_a_larger_one_and_the_last_by_an_explanation():
    down = {"answers": False}
    for facts in (Facts(**down), Facts(**down, heard=False), Facts(**down, can_rehost=False)):
        rung, climbed = Rung.RECONNECT, []
        while rung in LADDER:
            climbed.append(rung)
            rung = rungs.after(rung, facts)
        assert rung == Rung.EXPLAIN
        assert climbed == [each for each in LADDER if each in climbed]
        assert climbed[-1] == Rung.REPLACE


def test_an_agent_that_is_heard_of_is_not_restarted():
    assert rungs.after(Rung.RECONNECT, Facts(answers=False)) == Rung.REBOOT
    assert rungs.after(Rung.RECONNECT, Facts(answers=False, heard=False)) == Rung.RESTART


def test_what_serves_while_its_agent_is_dead_is_replaced_beside_itself_not_rebooted():
    assert rungs.after(Rung.RESTART, Facts(heard=False)) == Rung.REPLACE
