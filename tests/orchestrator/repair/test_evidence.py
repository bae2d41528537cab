"""What is kept of a host before it goes, and that nothing of it is in a repair's way."""

from __future__ import annotations

import json

import pytest
from awssim import error as refusal
from orchestrator.aws import naming
from orchestrator.repair import evidence
from orchestrator.repair.rungs import Facts

OPENED = "2026-11-28T12:00:00.000Z"
FACTS = Facts(state="running", answers=False, failing=frozenset({"system"}))


def kept(workflow):
    return evidence.keep(workflow.clients, "demo", workflow.ledger.serving(), FACTS, OPENED)


def document(workflow, name):
    settings = workflow.clients.settings
    bucket = naming.bucket("demo", settings.account, settings.region)
    key = f"evidence/{OPENED}/{name}"
    return workflow.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def consoles(account):
    return [c.parameters.get("Latest") for c in account.calls if c.operation == "GetConsoleOutput"]


def test_what_the_machine_says_now_is_kept(complete, account):
    assert kept(complete) == f"evidence/{OPENED}/"

    assert consoles(account) == [True]
    assert document(complete, "console.txt")
    assert json.loads(document(complete, "facts.json"))["facts"]["failing"] == ["system"]


def test_a_type_without_a_latest_output_shows_what_it_said_as_it_booted(complete, account):
    account.fault(operation="GetConsoleOutput", error=refusal("UnsupportedOperation", "Nitro only"))

    kept(complete)

    assert consoles(account) == [True, None]
    assert "UnsupportedOperation" not in document(complete, "console.txt")


@pytest.mark.parametrize("operation", ["GetConsoleOutput", "PutObject"])
def test_what_cannot_be_had_is_no_failure(complete, account, operation):
    account.fault(operation=operation, error=refusal("UnauthorizedOperation", "no"), times=None)

    assert (kept(complete) is None) == (operation == "PutObject")
