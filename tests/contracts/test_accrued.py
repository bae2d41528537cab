"""What a deployment has cost is the same to the orchestrator and to the CLI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from contracts.documents import document
from contracts.test_ledger_rows import stored
from lamplighter.aws import rows as cli_rows
from lamplighter.deployments import spending
from orchestrator.capacity.spending import accrued
from orchestrator.ledger.attributes import pack, unpack
from orchestrator.ledger.rows import DeploymentRow, HostRow

CASES = document("accrued")["cases"]
ids = pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])


def close_to(cost: dict[str, Any]) -> dict[str, Any]:
    """Return the cost with figures that are equal to a hundredth of a cent."""
    parts = {what: pytest.approx(usd, abs=1e-4) for what, usd in cost["parts"].items()}
    figures = ("month_usd", "total_usd", "hour_usd")
    return cost | {"parts": parts} | {n: pytest.approx(cost[n], abs=1e-4) for n in figures}


def expected(case: dict[str, Any]) -> dict[str, Any]:
    lacks = [*case["cost"]["not_counted"], accrued.NEVER_COUNTED]
    return close_to(case["cost"] | {"not_counted": lacks})


@ids
def test_the_orchestrator_counts_as_the_golden_document_says(case: dict[str, Any]) -> None:
    row = DeploymentRow.of(unpack(pack(case["deployment"])))
    hosts = [HostRow.of(unpack(pack(host))) for host in case["hosts"]]

    found = accrued.cost(row, hosts, datetime.fromisoformat(case["now"]))

    assert found.document() == expected(case)


@ids
def test_the_cli_counts_as_the_golden_document_says(case: dict[str, Any]) -> None:
    rows = [
        {"sk": "deployment", "version": 2, **case["deployment"]},
        *({"sk": f"host#{host['generation']}", **host} for host in case["hosts"]),
    ]
    records = cli_rows.records("demo", map(stored, rows))

    found = spending.cost(records.deployment, datetime.fromisoformat(case["now"]))

    assert records.unreadable == ()
    assert found == expected(case)


@ids
def test_a_month_is_the_sum_of_its_parts(case: dict[str, Any]) -> None:
    cost = case["cost"]

    assert sum(cost["parts"].values()) == pytest.approx(cost["month_usd"])


def test_both_name_the_same_that_is_never_counted() -> None:
    assert spending.NEVER_COUNTED == accrued.NEVER_COUNTED
