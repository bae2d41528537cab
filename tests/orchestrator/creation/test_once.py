"""Two resources of one role: the ledger says which of them the deployment uses."""

from __future__ import annotations

import pytest
from orchestrator.creation.once import intend, once
from orchestrator.creation.ownership import Found
from orchestrator.creation.visibility import ById
from orchestrator.errors import Pending, ResourceConflict

TWO, NONE = Found(["vpc-a", "vpc-b"], {}), Found([], {})
GONE = ById(lambda _: [], "InvalidVpcID.NotFound")
UNTAGGED = ById(lambda vpc: [vpc], "InvalidVpcID.NotFound")


def create_another(_row):
    pytest.fail("a third one was created")


@pytest.mark.parametrize("known", TWO.ours)
def test_the_one_that_the_ledger_names_stays_in_use(workflow, known):
    workflow.start()
    intend(workflow.ledger, "vpc")
    workflow.ledger.ready("vpc", id=known)

    used = once(workflow.ledger, "vpc", lambda: TWO, create_another, GONE)

    assert used == workflow.ledger.resource("vpc").id == known


def test_without_an_id_in_the_ledger_one_of_them_is_adopted_for_good(workflow):
    workflow.start()
    intend(workflow.ledger, "vpc")

    used = once(workflow.ledger, "vpc", lambda: TWO, create_another, GONE)

    assert used in TWO.ours
    assert workflow.ledger.resource("vpc").id == used
    assert workflow.ledger.resource("vpc").state == "ready"


def test_what_is_there_without_its_tags_is_named_and_not_followed_by_another(workflow, account):
    workflow.start()
    intend(workflow.ledger, "vpc")
    workflow.ledger.ready("vpc", id="vpc-a")

    with pytest.raises(Pending, match="not visible by its tag yet"):  # it may be too young
        once(workflow.ledger, "vpc", lambda: NONE, create_another, UNTAGGED)
    account.clock.advance(3600)
    with pytest.raises(ResourceConflict, match="vpc vpc-a is in the ledger and has lost its tags"):
        once(workflow.ledger, "vpc", lambda: NONE, create_another, UNTAGGED)


def test_what_is_gone_is_made_again(workflow, account):
    workflow.start()
    intend(workflow.ledger, "vpc")
    workflow.ledger.ready("vpc", id="vpc-a")
    account.clock.advance(3600)

    assert once(workflow.ledger, "vpc", lambda: NONE, lambda _: "vpc-b", GONE) == "vpc-b"
