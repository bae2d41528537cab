"""Two resources of one role: the ledger says which of them the deployment uses."""

from __future__ import annotations

import pytest
from orchestrator.creation.once import intend, once
from orchestrator.creation.ownership import Found

TWO = Found(["vpc-a", "vpc-b"], {})


def create_another(_row):
    pytest.fail("a third one was created")


@pytest.mark.parametrize("known", TWO.ours)
def test_the_one_that_the_ledger_names_stays_in_use(workflow, known):
    workflow.start()
    intend(workflow.ledger, "vpc")
    workflow.ledger.ready("vpc", id=known)

    used = once(workflow.ledger, "vpc", lambda: TWO, create_another)

    assert used == workflow.ledger.resource("vpc").id == known


def test_without_an_id_in_the_ledger_one_of_them_is_adopted_for_good(workflow):
    workflow.start()
    intend(workflow.ledger, "vpc")

    used = once(workflow.ledger, "vpc", lambda: TWO, create_another)

    assert used in TWO.ours
    assert workflow.ledger.resource("vpc").id == used
    assert workflow.ledger.resource("vpc").state == "ready"
