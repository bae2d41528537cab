"""A schedule's windows: what is accepted, and what each mistake is called."""

from __future__ import annotations

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.spec.parsing import parse
from orchestrator.spec.schedule import spans

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
DAY = {"start": "08:00", "stop": "20:00"}


def window(start, stop, *days):
    return {"start": start, "stop": stop, **({"days": list(days)} if days else {})}


def parsed(*windows, zone="Europe/Berlin"):
    schedule = {"time_zone": zone, "on": list(windows)}
    return parse({"name": "prod", "model": "m", "schedule": schedule})


def test_a_schedule_survives_the_round_trip():
    deployment = parsed({**DAY, "days": WEEKDAYS}, window("22:00", "02:00", "sat"))

    assert parse(deployment.document()) == deployment
    assert parse({"name": "prod", "model": "m"}).schedule.on == ()


def test_a_window_without_days_is_of_every_day_and_may_pass_midnight():
    [first, *_, last] = spans(parsed(window("20:00", "06:00")).schedule)

    assert (first.begin, first.end) == (20 * 60, 30 * 60)
    assert (last.begin, last.end) == (6 * 1440 + 20 * 60, 7 * 1440 + 6 * 60)


@pytest.mark.parametrize(
    "windows",
    [
        [window("08:00", "12:00"), window("12:00", "20:00")],
        [window("00:00", "24:00", *WEEKDAYS)],
        [window("20:00", "08:00", "sun"), window("08:00", "20:00", "mon")],
        [window("10:00", "09:00", "mon", "tue")],
    ],
    ids=["touching", "whole days", "touching over the week's end", "23 hours"],
)
def test_windows_that_do_not_overlap_are_accepted(windows):
    assert len(parsed(*windows).schedule.on) == len(windows)


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ({"time_zone": "UTC"}, "schedule.on: has no window, so it would never be started"),
        ({"time_zone": "UTC", "on": []}, "schedule.on: has no window, so it would never be"),
        ({"on": [DAY]}, "schedule.time_zone: missing; name the time zone of the windows, e.g."),
        (
            {"time_zone": "Berlin", "on": [DAY]},
            "schedule.time_zone: no time zone is called 'Berlin'; did you mean Europe/Berlin?",
        ),
        ({"time_zone": "europe/berlin", "on": [DAY]}, "did you mean Europe/Berlin?"),
        ({"time_zone": "Europe/Berln", "on": [DAY]}, "did you mean Europe/Berlin or "),
        ({"time_zone": "CEST+2", "on": [DAY]}, "no time zone is called 'CEST+2'; "),
        ({"time_zone": "../etc", "on": [DAY]}, "schedule.time_zone: '../etc' is not allowed"),
        (
            {"time_zone": "UTC", "on": [window("08:00", "08:00")]},
            "schedule.on[0].stop: 08:00 is its start, too; for a whole day write 00:00 to 24:00",
        ),
        (
            {"time_zone": "UTC", "on": [window("00:00", "24:00")]},
            "schedule.on: is the whole week, so it would never be stopped",
        ),
        (
            {"time_zone": "UTC", "on": [window("08:00", "20:00"), window("20:00", "08:00")]},
            "schedule.on: is the whole week, so it would never be stopped",
        ),
        (
            {"time_zone": "UTC", "on": [DAY, window("19:00", "21:00", "tue")]},
            "schedule.on[1]: overlaps schedule.on[0] on tue 19:00; join them, or cut one",
        ),
        (
            {
                "time_zone": "UTC",
                "on": [window("22:00", "06:00", "sun"), window("05:00", "7:00", "mon")],
            },
            "schedule.on[1].stop: '7:00' is not allowed; write 07:00",
        ),
        (
            {
                "time_zone": "UTC",
                "on": [window("22:00", "06:00", "sun"), window("05:00", "07:00", "mon")],
            },
            "schedule.on[1]: overlaps schedule.on[0] on mon 05:00",
        ),
        (
            {"time_zone": "UTC", "on": [window("08:00", "20:00", "Monday")]},
            "schedule.on[0].days[0]: 'Monday' is not allowed; write mon; allowed: mon, tue,",
        ),
        (
            {"time_zone": "UTC", "on": [window("08:00", "20:00", "x")]},
            "'x' is not allowed; allowed",
        ),
        (
            {"time_zone": "UTC", "on": [window("08:00", "20:00", "mon", "mon")]},
            "schedule.on[0].days[1]: 'mon' is there twice",
        ),
        ({"time_zone": "UTC", "on": [{**DAY, "days": []}]}, "schedule.on[0].days: an empty list"),
        (
            {"time_zone": "UTC", "on": [window("24:00", "06:00")]},
            "'24:00' is not allowed; write 00",
        ),
        ({"time_zone": "UTC", "on": [window("25:00", "06:00")]}, "'25:00' is not allowed; allowed"),
        ({"time_zone": "UTC", "on": [window(480, "06:00")]}, "480 is a number; if it is text, put"),
        ({"time_zone": "UTC", "on": [{"start": "08:00"}]}, "schedule.on[0].stop: missing; allowed"),
        ({"time_zone": "UTC", "on": [{**DAY, "day": "mon"}]}, "did you mean 'days'?"),
        ({"time_zone": "UTC", "on": DAY}, "schedule.on: a mapping is not allowed"),
        ({"time_zone": "UTC", "on": [DAY] * 15}, "list of 0 to 14 items"),
    ],
)
def test_each_mistake_is_named(schedule, sentence):
    with pytest.raises(InvalidRequest) as refused:
        parse({"name": "prod", "model": "m", "schedule": schedule})

    assert sentence in str(refused.value)


def test_two_windows_that_overlap_on_every_day_are_one_mistake():
    with pytest.raises(InvalidRequest) as refused:
        parsed(window("08:00", "12:00"), window("11:00", "13:00"))

    assert str(refused.value).count("overlaps") == 1
