"""One workflow at a time; a dead owner's lock is taken over, a live one's never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from orchestrator.errors import LockHeld, Pending, Superseded
from orchestrator.ledger import lock
from orchestrator.ledger.rows import LOCK
from orchestrator.ledger.store import Ledger

STEP_SECONDS = 60


class StepFunctions:
    """Knows the executions that it is given."""

    def __init__(self, **executions):
        self.executions = executions

    def describe_execution(self, *, executionArn):  # noqa: N803 - boto3's own spelling
        if executionArn not in self.executions:
            error = {"Error": {"Code": "ExecutionDoesNotExist"}}
            raise ClientError(error, "DescribeExecution")
        return self.executions[executionArn]


@pytest.fixture
def ledger(workflow):
    def of(owner):
        return replace(workflow.ledger, owner=owner)

    return of


def acquire(ledger, **executions):
    lock.acquire(ledger, StepFunctions(**executions), STEP_SECONDS)


def test_a_free_lock_is_taken_and_taking_it_again_is_fine(ledger):
    acquire(ledger("a"))
    acquire(ledger("a"))

    assert ledger("a").read(LOCK)["owner"] == "a"


def test_a_running_owner_keeps_it(ledger):
    acquire(ledger("a"))

    with pytest.raises(LockHeld, match="a works on 'demo'"):
        acquire(ledger("b"), a={"status": "RUNNING"})


def test_a_dead_owner_loses_it_once_its_last_step_has_ended(ledger, account):
    acquire(ledger("a"))
    dead = {"a": {"status": "ABORTED", "stopDate": account.clock.now()}}

    with pytest.raises(Pending):
        acquire(ledger("b"), **dead)
    account.clock.advance(STEP_SECONDS)
    acquire(ledger("b"), **dead)

    assert ledger("b").read(LOCK)["owner"] == "b"


def test_an_owner_that_step_functions_forgot_is_dead(ledger):
    acquire(ledger("a"))

    acquire(ledger("b"))

    assert ledger("b").read(LOCK)["owner"] == "b"


def test_only_the_owner_releases(ledger):
    acquire(ledger("a"))

    lock.release(ledger("b"))
    assert ledger("a").read(LOCK)["owner"] == "a"
    lock.release(ledger("a"))

    assert ledger("a").read(LOCK) is None


def test_a_lock_given_back_between_two_looks_is_taken_at_the_next_try(ledger, monkeypatch):
    acquire(ledger("a"))
    read = Ledger.read

    def too_late(self, key):
        lock.release(ledger("a"))
        return read(self, key)

    monkeypatch.setattr(Ledger, "read", too_late)

    with pytest.raises(Pending, match="it is free again"):
        acquire(ledger("b"))
    acquire(ledger("b"))

    assert ledger("b").read(LOCK)["owner"] == "b"


def test_a_zombie_cannot_write(ledger, account):
    acquire(ledger("a"))
    ended = account.clock.now() - timedelta(seconds=STEP_SECONDS)
    acquire(ledger("b"), a={"status": "FAILED", "stopDate": ended})

    with pytest.raises(Superseded):
        ledger("a").record(status="serving")
    with pytest.raises(Superseded):
        ledger("a").intend("vpc")
