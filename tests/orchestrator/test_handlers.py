"""The Lambda functions as Lambda calls them: verbs, and what a caller did wrong."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from orchestrator import handlers
from orchestrator.errors import InvalidRequest, Superseded
from orchestrator.ledger.rows import LOCK
from orchestrator.repair import incidents
from orchestrator.repair.triggers import Trigger
from orchestrator.step import Function


@pytest.fixture
def invoke(workflow, monkeypatch):
    """Call a function, as the workflow and the CLI do."""
    for module in ("handlers", "step"):
        monkeypatch.setattr(f"orchestrator.{module}.aws", lambda: workflow.clients)
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r"
    )
    return lambda function, **event: function(event, context)


def named(flow, **event):
    return {"name": "demo", "execution": flow.ledger.owner, **event}


@pytest.mark.parametrize("verb", [{}, {"verb": None}, {"verb": "create"}, {"verb": ["ensure"]}])
def test_an_unknown_verb_is_answered_by_those_there_are(invoke, verb):
    with pytest.raises(InvalidRequest, match=r"^verb: .*; allowed: ensure, destroy, set_firewall$"):
        invoke(handlers.network_function, name="demo", **verb)


def test_an_event_that_is_no_mapping_has_no_verb(invoke):
    with pytest.raises(InvalidRequest, match="verb: None"):
        handlers.network_function("text", SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r"
        ))  # fmt: skip


def test_a_keyword_of_python_is_a_verb_too():
    assert list(Function(await_=lambda _: None, ensure=lambda _: None).verbs) == ["await", "ensure"]


def test_a_verb_acts_with_what_its_event_holds(invoke, workflow, account):
    workflow.start()

    invoke(handlers.network_function, **named(workflow, verb="ensure"))

    assert len(account.inventory()["vpcs"]) == 1


@pytest.mark.parametrize("verb", ["ensure", "destroy"])
def test_a_verb_without_the_lock_changes_nothing(invoke, workflow, account, verb):
    workflow.start()
    workflow.ledger.put(LOCK, {"owner": "another"})

    with pytest.raises(Superseded, match="another holds the lock of 'demo', not this one"):
        invoke(handlers.network_function, **named(workflow, verb=verb))

    assert account.inventory() == {}


def test_what_is_not_wanted_any_more_is_not_made(invoke, workflow, account):
    workflow.start()
    invoke(handlers.deployment_function, **named(workflow, verb="retire"))

    with pytest.raises(Superseded, match="'demo' is being torn down; this workflow stops"):
        invoke(handlers.network_function, **named(workflow, verb="ensure"))

    assert account.inventory() == {}


@pytest.mark.parametrize("name", [True, 123, ["x"], {"a": 1}, None, ""])
@pytest.mark.parametrize("verb", ["validate_deployment", "plan"])
def test_a_name_that_is_no_text_hides_no_other_mistake(invoke, verb, name):
    spec = {"name": name, "model": "m", "network": {"zones": 9}}

    with pytest.raises(InvalidRequest) as refusal:
        invoke(handlers.plan_function, verb=verb, name="?", execution="e", spec=spec)

    lines = str(refusal.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["name", "network.zones"]
    assert "missing" not in lines[0]


@pytest.mark.parametrize("document", [[], [{"name": "prod"}], "prod", 7, None])
@pytest.mark.parametrize("verb", ["validate_deployment", "plan"])
def test_what_is_no_mapping_is_refused_by_a_sentence(invoke, verb, document):
    with pytest.raises(InvalidRequest, match="the specification: must be a mapping"):
        invoke(handlers.plan_function, verb=verb, name="?", execution="e", spec=document)


def test_a_failed_workflow_says_which_it_was(invoke, workflow):
    workflow.start()
    failed = {"error": "Refused", "cause": "no quota", "opened_at": workflow.ledger.time()}

    answer = invoke(
        handlers.deployment_function,
        **named(workflow, verb="report_failure", workflow="provision", **failed),
    )

    assert answer == {"error": "Refused", "cause": "no quota", "rollback": True}
    assert workflow.ledger.deployment().status == "failed"


@pytest.mark.parametrize("is_open", [True, False])
def test_a_repair_that_says_so_in_a_notice_raises_no_alarm_beside_it(
    invoke, complete, capsys, is_open
):
    opened = complete.ledger.time()
    if is_open:
        trigger = Trigger("manual", forced=True)
        incidents.check(complete.clients, complete.deployment, complete.ledger, trigger, opened)
    failed = {"error": "Refused", "cause": "no quota", "opened_at": opened}

    invoke(
        handlers.deployment_function,
        **named(complete, verb="report_failure", workflow="repair", **failed),
    )

    assert ("WorkflowFailed" in capsys.readouterr().out) is not is_open
