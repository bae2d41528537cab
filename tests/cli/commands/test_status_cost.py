"""What `status` shows of money: so far, this month, now, and of the budget."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from contracts.test_ledger_rows import stored

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table

PRICES = {"price_usd_hour": 1.0, "volume_usd_hour": 0.02, "address_usd_hour": 0.005}
MONTH = f"{datetime.now(UTC):%Y-%m}"


def put(table: Table, *hosts: dict[str, Any], budget: Any = None, spent: float = 0.0) -> None:
    row = {
        "sk": "deployment", "version": 2, "desired": "present", "status": "serving",
        "generation": 1, "spec": json.dumps({"budget": {"monthly_usd": budget}}),
        "spent": json.dumps({"months": {MONTH: spent, "2026-01": 100}, "unpriced": 0,
                             "since": "2026-01-02T03:04:05+00:00"}),
    }  # fmt: skip
    numbered = [{"sk": f"host#{n}", "generation": n, **host} for n, host in enumerate(hosts, 1)]
    for each in (row, *numbered):
        table.put_item(Item=stored(each) | {"pk": "prod"})


def serving(**changes: Any) -> dict[str, Any]:
    begun = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    return {"role": "serving", "instance_id": "i-1", "launched_at": begun, **PRICES, **changes}


def shown(lamplighter: Run, name: str) -> str:
    lines = lamplighter("status", "prod").stdout.splitlines()
    return "".join(line[len(name) :].strip() for line in lines if line.startswith(name))


def test_status_of_one_says_what_it_has_cost_and_costs_now(lamplighter: Run, ledger: Table) -> None:
    put(ledger, serving(), spent=20)

    assert shown(lamplighter, "cost") == (
        "$20.00 this month, $120.00 since 2026-01-02, $1.02 an hour now"
    )
    assert shown(lamplighter, "budget") == ""
    assert shown(lamplighter, "not counted").startswith("data transfer, NAT gateway, logs")


@pytest.mark.parametrize(
    ("spent", "sentence"),
    [(20, "$500 a month, 4 % used"), (499, "$500 a month, 99 % used"), (600, "120 % used")],
)
def test_status_shows_how_much_of_the_budget_is_used(
    lamplighter: Run, ledger: Table, spent: float, sentence: str
) -> None:
    put(ledger, serving(), budget=500, spent=spent)

    assert sentence in shown(lamplighter, "budget")
    assert f"${spent:.2f} of $500" in lamplighter("status").stdout


def test_a_price_that_is_not_known_is_said(lamplighter: Run, ledger: Table) -> None:
    put(ledger, serving(price_usd_hour=None), spent=20)

    assert shown(lamplighter, "cost").startswith("at least $20.00 this month")
    assert "host 1: its instance's price is not known" in shown(lamplighter, "not counted")
    assert "at least $20.00" in lamplighter("status").stdout


def test_status_for_machines_has_the_figures(lamplighter: Run, ledger: Table) -> None:
    put(ledger, serving(), budget=12.5, spent=20)

    one = json.loads(lamplighter("--json", "status", "prod").stdout)
    [listed] = json.loads(lamplighter("--json", "status").stdout)["deployments"]

    assert one["budget"] == listed["budget"] == {"monthly_usd": 12.5, "used_percent": 160}
    assert one["cost"]["month"] == MONTH
    assert one["cost"]["hour_usd"] == 1.025
    assert one["cost"]["month_usd"] == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("spec", ["", "[]", '{"budget": 5}', '{"budget": {"monthly_usd": "much"}}'])
def test_a_budget_of_another_form_is_none(lamplighter: Run, ledger: Table, spec: str) -> None:
    row = {"pk": "prod", "sk": "deployment", "status": "serving", "spec": spec, "spent": "much"}
    ledger.put_item(Item=row)

    result = lamplighter("--json", "status", "prod")

    assert json.loads(result.stdout)["budget"] is None
    assert "cost" not in lamplighter("status", "prod").stdout
