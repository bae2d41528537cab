"""What `lamplighter plan` shows before the first cent, and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from orchestrator.deployments import planning
from orchestrator.errors import InvalidRequest
from orchestrator.ledger.rows import Role
from orchestrator.own_names import own_name
from orchestrator.spec.parsing import parse

MODELS = json.loads((Path(__file__).parents[1] / "capacity/models.json").read_text())["models"]
LLAMA = MODELS["meta-llama/Llama-3.1-8B-Instruct"]["config"]


def plan(workflow, config=LLAMA, **changes):
    spec = {**workflow.spec, "engine": {"max_model_len": 8192}, **changes}
    return planning.plan(workflow.clients, parse(spec), workflow.ledger, config)


def results(planned):
    return {check["name"]: check["result"] for check in planned["checks"]}


def test_a_plan_has_changes_checks_cost_and_time_and_writes_nothing(workflow, account):
    planned = plan(workflow)

    assert {change["action"] for change in planned["changes"]} == {"create"}
    of_resolvers = {"dns.domain delegation", "sleep.by_name authorities"}  # none answers here
    passed = {name: result for name, result in results(planned).items() if name not in of_resolvers}
    assert set(passed.values()) == {"pass"}
    assert planned["cost"]["total"]["usd_per_month"] > 0
    assert json.loads(json.dumps(planned)) == planned
    assert account.creating_calls() == []
    ledger = {call.operation for call in account.calls if call.service == "dynamodb"}
    assert ledger <= {"GetItem", "Query"}


def test_a_check_that_fails_hides_neither_the_changes_nor_the_cost(workflow, account):
    account.quotas.values["L-0263D0A3"] = 0

    planned = plan(workflow)

    assert results(planned)["quota L-0263D0A3 (EC2-VPC Elastic IPs)"] == "fail"
    assert {change["resource"] for change in planned["changes"]} >= {"network", "instance", "dns"}
    assert planned["cost"]["lines"]


def test_what_a_failed_check_makes_incomparable_is_left_out(workflow):
    planned = plan(workflow, dns={"domain": "nowhere.dev"})

    assert results(planned)["dns.domain"] == "fail"
    assert "dns" not in {change["resource"] for change in planned["changes"]}


def test_a_plan_of_what_is_live_keeps_all_of_it(complete, account):
    account.clock.advance(300)
    complete.ensure(own_name)  # its certificate is issued

    planned = planning.plan(complete.clients, complete.deployment, complete.ledger, LLAMA)

    assert {change["action"] for change in planned["changes"]} == {"keep"}


def test_the_first_boot_is_estimated_from_what_has_to_be_fetched(workflow):
    boot = plan(workflow)["first_boot"]
    smaller = plan(workflow, MODELS["Qwen/Qwen2.5-0.5B-Instruct"]["config"])["first_boot"]

    assert "15.0 GiB of weights" in boot["source"]
    assert boot["seconds"] > smaller["seconds"] > 300


def test_weights_of_unknown_size_are_named_as_missing(workflow):
    assert plan(workflow, None)["first_boot"]["source"].endswith("without weights of unknown size")


def test_the_time_that_the_last_host_took_is_better_than_an_estimate(complete):
    ledger = complete.ledger
    times = {"launched_at": "2026-05-01T12:00:00+00:00", "served_at": "2026-05-01T12:07:30+00:00"}
    ledger.set_host(ledger.hosts()[-1].generation, role=Role.SERVING, **times)

    boot = planning.plan(complete.clients, complete.deployment, ledger, LLAMA)["first_boot"]

    assert boot == {"seconds": 450, "source": "as the host of generation 1 took"}


@pytest.mark.parametrize("sequences", [1, 64])
def test_the_wanted_concurrency_is_what_has_to_fit(workflow, sequences):
    deployment = parse({**workflow.spec, "engine": {"max_model_len": 8192}})

    planned = planning.plan(workflow.clients, deployment, workflow.ledger, LLAMA, sequences)

    assert results(planned)["model"] == ("pass" if sequences == 1 else "warn")


@pytest.mark.parametrize(
    ("config", "sequences", "key"),
    [([], 1, "model_config"), (None, "4", "sequences"), (None, 0, "sequences")],
)
def test_what_is_no_config_and_no_number_is_refused(workflow, config, sequences, key):
    with pytest.raises(InvalidRequest, match=f"^{key}: "):
        planning.plan(workflow.clients, workflow.deployment, workflow.ledger, config, sequences)


def test_a_plan_of_what_serves_says_how_each_difference_is_made(complete):
    complete.ledger.record(served_at="2026-05-01T12:00:00+00:00")

    planned = plan(complete, model="other", budget={"monthly_usd": 5}, instance={})

    change = planned["change"]
    assert {each["key"]: each["how"] for each in change["differences"]} == {
        "model": "new generation",
        "engine.max_model_len": "new generation",
        "budget.monthly_usd": "in place",
    }
    assert (change["new_host"], change["gap_seconds"]) == (True, 0)
    assert "beside generation 1" in planned["changes"][-1]["what"]
    assert json.loads(json.dumps(planned)) == planned


def test_without_a_domain_the_expected_gap_is_the_longest_request(complete):
    spec = {key: value for key, value in complete.spec.items() if key != "dns"}
    facts = {"spec": json.dumps(parse(spec).document()), "served_at": "2026-05-01T12:00:00+00:00"}
    complete.ledger.record(**facts)

    planned = planning.plan(
        complete.clients, parse({**spec, "model": "other"}), complete.ledger, LLAMA
    )

    assert planned["change"]["gap_seconds"] == 600
    assert "without a domain" in planned["change"]["gap"]


def test_where_the_old_host_ends_first_the_gap_has_the_boot_of_the_new_one(complete):
    at = "2026-05-01T12:00:00+00:00"
    complete.ledger.record(served_at=at)
    complete.ledger.set_host(1, launched_at=at, served_at="2026-05-01T12:05:00+00:00")

    change = (planned := plan(complete, model="other", update={"strategy": "replace"}))["change"]

    assert change["gap_seconds"] == 600 + 300
    assert change["gap"].endswith("then the new one boots, 300 s, as the host of generation 1 took")
    assert "update.strategy is replace: the old host ends the requests that run" in change["gap"]
    assert "after generation 1 has ended" in planned["changes"][-1]["what"]


def test_a_plan_of_a_rotation_has_a_new_host_and_no_difference(complete):
    complete.ledger.record(served_at="2026-05-01T12:00:00+00:00")

    planned = planning.plan(
        complete.clients, complete.deployment, complete.ledger, LLAMA, rotate=True
    )

    assert planned["change"]["differences"] == []
    assert planned["change"]["new_host"] is True


def test_a_plan_of_what_is_not_live_has_no_change(workflow):
    assert plan(workflow)["change"] is None
