"""What `make chaos` writes: tables, the picture, the record of a run."""

from __future__ import annotations

import ast
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from chaos import record
from chaos.faults import FAULTS
from chaos.local.faults import SAMPLES
from chaos.page import picture, quiet, tables
from chaos.page.mix import Span, Timeline
from chaos.page.modes import MODES
from chaos.test_goals import GOOD

TESTS = tables.PAGE.parents[1] / "tests"
TIMELINE = Timeline(
    seconds=3600.0,
    asked=3600,
    failed=(600.0, 601.0, 602.0, 900.0),
    faults=((599.0, "terminate"), (899.0, "stop & <go>")),
    incidents=(Span("ec2: repaired", 602.0, 900.0),),
    rungs=(Span("replace", 602.0, 900.0),),
    seed=7,
)


def test_a_table_takes_the_place_of_the_one_before():
    page = "a\n<!-- chaos: x -->\nold\n<!-- end -->\nb\n"

    once = tables.written(page, "x", "new")

    assert once == "a\n<!-- chaos: x -->\n\nnew\n<!-- end -->\nb\n"
    assert tables.written(once, "x", "new") == once
    with pytest.raises(ValueError, match="no place, or several, for 'y'"):
        tables.written(page, "y", "new")


def test_a_row_is_read_as_it_was_written():
    text = tables.faults([GOOD])

    assert tables.read(text) == {"terminate": list(tables.row(GOOD)[1:])}


@pytest.mark.parametrize(
    ("rungs", "shown"),
    [("a a b", "2 x a, b"), ("a b a b", "a, b, a, b"), ("a b " * 4, "4 x a, 4 x b")],
)
def test_repeated_rungs_are_counted(rungs, shown):
    outcome = replace(GOOD, rungs=tuple(rungs.split()))

    assert tables.row(outcome)[4] == shown


def test_the_page_shows_every_fault():
    page = tables.PAGE.read_text("utf-8")
    rows = [tables.read(tables.shown(page, place)) for place in ("faults", "weeks", "samples")]

    assert {*rows[0], *rows[1]} == set(FAULTS)
    assert set(rows[2]) == set(SAMPLES)


def test_the_picture_shows_every_fault_and_every_outage():
    drawn = picture.drawn(TIMELINE)

    svg = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = ["".join(each.itertext()) for each in svg.iter() if each.tag.endswith("text")]
    assert {"terminate", "stop & <go>", "replace"} <= set(texts)
    assert [span.end - span.begin for span in picture.outages(TIMELINE)] == [3.0, 1.0]
    assert drawn.count('class="down" x=') == 2 + 2  # outages, and minutes with failed requests
    assert "prefers-color-scheme: dark" in drawn


def test_a_run_goes_on_where_the_one_before_was_stopped(tmp_path):
    key = ("terminate", 1, 168.0)
    first = record.Record.open(tmp_path)
    first.add(key, GOOD)

    again = record.Record.open(tmp_path)

    assert key in again
    assert again[key] == GOOD
    (tmp_path / "code").write_text("of another state", encoding="utf-8")
    assert key not in record.Record.open(tmp_path)


def test_a_month_is_thirty_times_a_day():
    day = quiet.Counted(24.0, events=1_000_000, writes=1_600_000)
    day.reads["HostReportFunction"] = 8_000_000
    day.invocations["HostReportFunction"] = 1_000_000
    day.seconds["HostReportFunction"] = 100_000.0

    month = {each.what: each for each in quiet.lines(day)}

    usd = {what: round(each.usd, 2) for what, each in month.items()}
    assert usd["reports of the host (events)"] == 30.0
    assert usd["read units of the ledger"] == 30.0
    assert usd["write units of the ledger"] == 30.0
    assert usd["their GB-seconds"] == 20.0
    assert usd["invocations of functions"] == 6.0
    assert usd["traces of X-Ray"] == 0.0  # turned off for it
    assert round(month["invocations of functions"].usd_beyond_free, 2) == 5.8
    assert month["metrics of the functions"].usd_beyond_free == 0.0


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.what)
def test_every_failure_mode_is_shown_by_tests_that_exist(mode):
    for name in mode.shown_by:
        file, _, function = name.partition("::")
        assert name in FAULTS or function in _functions(file), name


def test_there_are_fifteen_modes():
    assert len({mode.what for mode in MODES}) == 15


def _functions(file):
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
