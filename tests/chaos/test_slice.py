"""A part of `make chaos`: its goals hold, and docs/chaos.md shows what happens."""

from __future__ import annotations

import re

import pytest

from chaos.goals import missed
from chaos.page import quiet, tables
from chaos.trial import play

_COPIES = 30  # of an event or a report; `make chaos` has 1,000
_CLOSE = 60.0  # seconds: a change of ours may take its time elsewhere
SLICE = ("terminate", "host-failed-hardware", "record-deleted", "during-teardown", "forged")
PAGE = tables.PAGE.read_text("utf-8")
_NUMBERS = re.compile(r"[\d,]+")


@pytest.mark.parametrize("name", SLICE)
def test_a_fault_ends_as_it_must_and_as_the_page_says(name):
    seed, *_ = re.findall(r"seed (\d+), ", PAGE)

    outcome = play(name, int(seed), copies=_COPIES)

    assert missed(outcome) == []
    shown, happened = tables.read(tables.shown(PAGE, "faults"))[name], list(tables.row(outcome)[1:])
    assert [_words(cell) for cell in shown] == [_words(cell) for cell in happened]
    pairs = zip(_seconds(shown), _seconds(happened), strict=True)
    assert [pair for pair in pairs if abs(pair[0] - pair[1]) > _CLOSE] == []


def test_a_quiet_hour_is_counted():
    counted = quiet.count(1, 0.25)

    assert counted.invocations == {"ReconcilerFunction": 15, "HostReportFunction": 30}
    assert counted.executions == 0
    assert counted.writes >= counted.events == 30
    assert counted.reads.total() > counted.writes
    assert 0 < quiet.of_looks(counted) < quiet.GOAL_USD
    assert any(each.startswith("HostReport ") for each in counted.metrics)


def _words(cell):
    return _NUMBERS.sub("a number", cell)


def _seconds(cells):
    return [float(n.replace(",", "")) for cell in cells for n in _NUMBERS.findall(cell)]
