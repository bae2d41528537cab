"""A budget's notices: at 80 % and at 100 %, each once a month."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from orchestrator.capacity.spending import budget
from orchestrator.capacity.spending.accrued import Cost
from orchestrator.ledger.rows import DeploymentRow, Desired

MONTH = "2026-11"


def row(monthly=500, **facts):
    spec = json.dumps({"budget": {"monthly_usd": monthly}})
    return DeploymentRow(spec=spec, desired=Desired.PRESENT, **facts)


def cost(usd, month=MONTH):
    return Cost(month, {"instances": usd})


def percents(found):
    return [each.percent for each in found]


@pytest.mark.parametrize(
    ("usd", "expected"),
    [(0, []), (399.99, []), (400, [80]), (499.99, [80]), (500, [100]), (900, [100])],
)
def test_a_notice_is_due_at_each_share(usd, expected):
    assert percents(budget.due(row(), cost(usd), MONTH)) == expected


def test_each_notice_is_sent_once_a_month():
    sent, kept = [], row()

    for month, usd in [(MONTH, 410), (MONTH, 450), (MONTH, 510), (MONTH, 800), ("2026-12", 420)]:
        for each in budget.due(kept, cost(usd, month), month):
            sent.append((each.month, each.percent, each.spent_usd))
            kept = replace(kept, budget_noticed=each.noticed)

    assert sent == [(MONTH, 80, 410), (MONTH, 100, 510), ("2026-12", 80, 420)]


def test_a_budget_that_was_raised_begins_anew():
    kept = row(monthly=1000, budget_noticed="2026-11/100/500")

    assert percents(budget.due(kept, cost(700), MONTH)) == []
    assert percents(budget.due(kept, cost(800), MONTH)) == [80]


@pytest.mark.parametrize("spec", ["{}", '{"budget": {"monthly_usd": null}}', '{"budget": 5}', "[]"])
def test_without_a_budget_nothing_is_due(spec):
    assert budget.due(DeploymentRow(spec=spec), cost(10_000), MONTH) == []
    assert budget.monthly_usd(DeploymentRow(spec=spec)) is None


@pytest.mark.parametrize(
    ("section", "stops"),
    [({"at_limit": "stop"}, True), ({"at_limit": "notify"}, False), ({}, False), (5, False)],
)
def test_a_budget_stops_only_where_that_is_asked_for(section, stops):
    assert budget.stops(DeploymentRow(spec=json.dumps({"budget": section}))) is stops


def test_only_the_whole_budget_is_all_of_it():
    found = [budget.due(row(), cost(usd), MONTH)[0] for usd in (400, 500)]

    assert [each.is_all for each in found] == [False, True]


def test_what_is_torn_down_needs_no_notice():
    assert budget.due(replace(row(), desired=Desired.ABSENT), cost(900), MONTH) == []


def test_a_word_of_a_later_version_is_no_notice_yet():
    assert percents(budget.due(row(budget_noticed="soon"), cost(400), MONTH)) == [80]
    assert percents(budget.due(row(budget_noticed="2026-11/most/500"), cost(400), MONTH)) == [80]
