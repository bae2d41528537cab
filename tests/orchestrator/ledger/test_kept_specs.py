"""Which specifications are kept for a way back."""

from __future__ import annotations

import json

from orchestrator.ledger.kept_specs import MOST, after
from orchestrator.ledger.rows import DeploymentRow, SpecRow

AT = "2026-06-01T12:00:00.000000+00:00"


def spec(model):
    return json.dumps({"name": "demo", "model": model})


def row(model="m", at=AT):
    return SpecRow(at=at, by="alice", generation=2, spec=spec(model))


def test_the_first_one_that_serves_is_kept_without_a_difference():
    assert after(DeploymentRow(spec=spec("m")), [], row()) == ([row()], [])


def test_another_one_is_kept_with_what_it_changed():
    [kept], old = after(DeploymentRow(), [row("a")], row("b"))

    assert json.loads(kept.changed) == [{"key": "model", "old": "a", "new": "b"}]
    assert old == []


def test_the_same_one_again_is_not_kept_twice():
    assert after(DeploymentRow(), [row("a"), row("b")], row("b", at="later")) == ([], [])


def test_one_that_served_before_the_last_is_kept_again():
    [kept], _ = after(DeploymentRow(), [row("a"), row("b")], row("a", at="later"))

    assert kept.at == "later"


def test_the_oldest_goes_when_there_are_too_many():
    kept = [row(str(number), at=str(number)) for number in range(MOST)]

    _, old = after(DeploymentRow(), kept, row("new"))

    assert old == kept[:1]


def test_what_an_earlier_version_served_is_kept_too():
    before = DeploymentRow(spec=spec("a"), served_at=AT, generation=1)

    [earlier, kept], _ = after(before, [], row("b", at="later"))

    assert (earlier.at, earlier.spec, earlier.generation) == (AT, spec("a"), 1)
    assert kept.at == "later"
