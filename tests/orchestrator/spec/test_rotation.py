"""A rotation's section: what is accepted, and what each mistake is called."""

from __future__ import annotations

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.spec.parsing import parse

NIGHT = {"days": ["sun"], "start": "03:00", "stop": "05:00"}
WHOLE = {"every_days": 30, "time_zone": "Europe/Berlin", "on": [NIGHT]}


def parsed(**sections):
    return parse({"name": "prod", "model": "m", **sections})


def test_it_is_off_unless_it_is_asked_for_and_survives_the_round_trip():
    deployment = parsed(rotation=WHOLE)

    assert parse(deployment.document()) == deployment
    assert parsed().rotation.every_days is None


@pytest.mark.parametrize("on", [[{**NIGHT, "stop": "04:00"}], [{**NIGHT, "stop": "02:00"}]])
def test_a_window_of_an_hour_and_one_over_midnight_are_accepted(on):
    assert parsed(rotation={**WHOLE, "on": on}).rotation.on[0].stop == on[0]["stop"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"every_days": None},
            "rotation.every_days: missing; name the days after which a host is rotated, e.g. 30,",
        ),
        ({"every_days": 0}, "rotation.every_days: 0 is not allowed; allowed: integer or null from"),
        ({"every_days": 366}, "rotation.every_days: 366 is not allowed"),
        ({"every_days": "30d"}, "rotation.every_days: '30d' is not allowed"),
        ({"on": []}, "rotation.on: has no window, so it would never be rotated; add one, e.g."),
        ({"time_zone": None}, "rotation.time_zone: missing; name the time zone of the windows"),
        (
            {"time_zone": "Berlin"},
            "rotation.time_zone: no time zone is called 'Berlin'; did you mean Europe/Berlin?",
        ),
        (
            {"on": [{**NIGHT, "stop": "03:00"}]},
            "rotation.on[0].stop: 03:00 is its start, too; for a whole day write 00:00 to 24:00",
        ),
        (
            {"on": [NIGHT, {**NIGHT, "start": "04:00", "stop": "06:00"}]},
            "rotation.on[1]: overlaps rotation.on[0] on sun 04:00; join them, or cut one",
        ),
        (
            {"on": [{**NIGHT, "stop": "03:45"}]},
            "rotation.on[0].stop: is 45 minutes after its start; a rotation needs 60 or more",
        ),
        (
            {"on": [{"start": "00:00", "stop": "24:00"}]},
            "rotation.on: is the whole week, so it has no beginning; leave a gap",
        ),
        ({"window": NIGHT}, "rotation.window: unknown key; known: every_days, time_zone, on"),
    ],
)
def test_each_mistake_is_named(changes, sentence):
    with pytest.raises(InvalidRequest) as refused:
        parsed(rotation={**WHOLE, **changes})

    assert sentence in str(refused.value)


def test_one_mistake_is_named_once():
    with pytest.raises(InvalidRequest) as refused:
        parsed(rotation={**WHOLE, "on": [{**NIGHT, "days": ["sat", "sun"], "stop": "03:10"}]})

    assert str(refused.value).count("\n") == 0


def test_an_outage_does_not_start_by_itself():
    with pytest.raises(InvalidRequest) as refused:
        parsed(rotation=WHOLE, update={"strategy": "replace"})

    assert str(refused.value).startswith("rotation.every_days: given with update.strategy")
    assert "choose 'beside', or leave rotation out and run `lamplighter rotate`" in str(
        refused.value
    )
