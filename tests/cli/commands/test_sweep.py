from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from clilab.workflows import Scripting, Workflows

ORPHANS = {
    "orphans": [
        {"name": "old", "why": "it was torn down", "resources": ["vpc vpc-1", "subnet subnet-1"]}
    ]
}


@pytest.mark.usefixtures("ledger")
def test_sweep_lists_what_is_left_and_removes_nothing_unasked(
    lamplighter: Run, workflows: Workflows
) -> None:
    workflows.plan = ("", ORPHANS)

    result = lamplighter("sweep")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].split() == [
        *("old", "vpc", "vpc-1", "it", "was", "torn", "down")
    ]
    assert "2 left of 1 dead deployments: `lamplighter sweep --yes` removes them" in result.stdout
    assert workflows.started("teardown") == []
    assert workflows.asked == {"verb": "orphans"}


@pytest.mark.usefixtures("ledger")
def test_sweep_removes_what_is_left_through_the_teardown(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.plan = ("", ORPHANS)
    workflows.scripts["teardown"] = script.of(output={"name": "old", "left": 0})

    result = lamplighter("--json", "sweep", "--yes")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {**ORPHANS, "removed": ["old"]}
    assert workflows.started("teardown") == [{"name": "old", "force": True, "swept": True}]


@pytest.mark.usefixtures("ledger")
def test_sweep_leaves_what_is_wanted_again_and_goes_on(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.plan = ("", ORPHANS)
    workflows.scripts["teardown"] = script.of(error="Superseded", cause="'old' is wanted again")

    result = lamplighter("--json", "sweep", "--yes")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["removed"] == []
    assert "old stays: " in result.stderr


@pytest.mark.usefixtures("ledger")
def test_sweep_of_a_tidy_account_says_so(lamplighter: Run, workflows: Workflows) -> None:
    workflows.plan = ("", {"orphans": []})

    result = lamplighter("sweep")

    assert result.stdout == "nothing is left, in account 123456789012, region us-east-1\n"


@pytest.mark.usefixtures("ledger")
def test_sweep_with_an_earlier_installation_names_the_remedy(
    lamplighter: Run, workflows: Workflows
) -> None:
    workflows.stacks = {
        "lamplighter": {k: v for k, v in workflows.stacks["lamplighter"].items() if k[0] != "I"}
    }

    result = lamplighter("sweep")

    assert result.exit_code != 0
    assert "earlier version" in result.stderr
    assert "make deploy" in result.stderr
