"""The deployment's row: who may change what, and what an operator reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from orchestrator.deployments import lifecycle
from orchestrator.errors import DeploymentExists, InvalidRequest, NotFound, Pending, Superseded
from orchestrator.errors import sentence as sentence_of
from orchestrator.hosts import probe
from orchestrator.ledger import lock
from orchestrator.ledger.rows import AWAIT, DEPLOYMENT, AwaitRow, Role
from orchestrator.ledger.store import names
from orchestrator.preflight import specification
from orchestrator.resources import instance
from orchestrator.spec.parsing import parse
from orchestrator.spec.request import Request
from steps import Workflow


def fail(workflow, kind, error, cause):
    return lifecycle.record_failure(workflow.ledger, kind, error, cause, workflow.clients.settings)


def silent(_):
    raise Pending("no answer")


def validate(workflow, **changes):
    deployment = parse({**workflow.spec, **changes})
    return lifecycle.validate(workflow.clients, deployment, workflow.ledger)


def test_a_good_specification_passes_before_anything_exists(workflow, account):
    assert validate(workflow) == {"name": "demo", "live": False}
    assert account.creating_calls() == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"instance": {"type": "zz9.huge"}}, "instance.type: 'zz9.huge' is no instance type"),
        ({"instance": {"type": "t3.large"}}, "instance.type: t3.large has no GPU"),
        ({"instance": {"types": ["g6.xlarge", "t3.large"]}}, "instance.type: t3.large has no GPU"),
        ({"instance": {"zones": ["us-east-1x"]}}, "instance.zones: us-east-1x has no g6.xlarge"),
        (
            {"instance": {"capacity_reservation": "cr-0123456789abcdef0"}},
            "instance.capacity_reservation: there is no 'cr-0123456789abcdef0' in us-east-1",
        ),
        ({"instance": {"gpu": False}}, "instance.type: g6.xlarge has GPU"),
        ({"instance": {"ami": "ami-00000000"}}, "instance.ami: there is no image 'ami-00000000'"),
        ({"dns": {"domain": "nowhere.dev"}}, "dns.domain: no public hosted zone"),
        (
            {"dns": {"domain": "example.com", "zone_id": "ZNOPE"}},
            "dns.zone_id: there is no hosted zone 'ZNOPE'",
        ),
        ({"engine": {"tensor_parallel_size": 4}}, "4 GPUs wanted, g6.xlarge has 1"),
        (
            {"instance": {"type": "g6f.large"}, "engine": {"tensor_parallel_size": 2}},
            "2 GPUs wanted, g6f.large has 1",
        ),
        (
            {"engine": {"hf_token_parameter": "/inference/none"}},
            "there is no SSM parameter '/inference/none'",
        ),
    ],
)
def test_what_aws_does_not_have_is_named_before_anything_exists(workflow, account, wrong, sentence):
    with pytest.raises(InvalidRequest) as refusal:
        validate(workflow, **wrong)

    assert sentence in str(refusal.value)
    assert account.creating_calls() == []


def test_gpus_of_another_maker_are_refused(workflow, monkeypatch):
    described = specification.described

    def made_elsewhere(clients, deployment):
        found = described(clients, deployment)
        for gpu in found["g6.xlarge"]["GpuInfo"]["Gpus"]:
            gpu["Manufacturer"] = "AMD"
        return found

    monkeypatch.setattr(specification, "described", made_elsewhere)

    with pytest.raises(InvalidRequest, match=r"instance\.type: g6\.xlarge has GPUs of AMD"):
        validate(workflow)


def test_a_name_that_makes_no_bucket_name_is_refused_before_anything_exists(workflow, account):
    settings = workflow.clients.settings
    workflow.clients.settings = replace(settings, region="ap-southeast-5")

    with pytest.raises(InvalidRequest, match=r"name: 'n{24}' is too long .* 1 characters shorter"):
        validate(workflow, name="n" * 24)

    assert account.creating_calls() == []


def test_an_image_of_an_owner_that_the_installation_does_not_trust_is_refused(workflow, account):
    settings = workflow.clients.settings
    workflow.clients.settings = replace(settings, image_owners=("111122223333",))

    with pytest.raises(InvalidRequest) as refusal:
        validate(workflow)

    assert "belongs to amazon; allowed: images of this account, 111122223333." in str(refusal.value)
    assert account.creating_calls() == []


def test_an_image_of_its_own_account_is_always_trusted(workflow):
    settings = workflow.clients.settings
    workflow.clients.settings = replace(settings, account="099720109477", image_owners=())

    assert validate(workflow) == {"name": "demo", "live": False}


@pytest.fixture
def live(complete, monkeypatch):
    """A deployment that serves, and does not answer any more."""
    monkeypatch.setattr(probe, "ready", silent)
    lifecycle.record_serving(complete.ledger, "outside")
    return complete


def test_the_same_specification_again_is_fine(live):
    assert validate(live) == {"name": "demo", "live": True}


def test_another_specification_for_a_live_deployment_is_a_change(live):
    assert validate(live, model="other", instance={"type": "g6.2xlarge"})["live"] is True


def test_what_cannot_be_changed_on_a_live_deployment_is_refused_by_its_keys(live):
    with pytest.raises(DeploymentExists, match=r"network\.cidr: the ranges.*a second deployment"):
        validate(live, model="other", network={"cidr": "10.9.0.0/16"})


def test_a_change_leaves_the_stored_specification_until_its_host_serves(live):
    changed = parse({**live.spec, "model": "other"})

    lifecycle.begin(changed, live.ledger, Request(asked_by="alice"))

    row = live.ledger.deployment()
    assert (row.specification()["model"], row.asked_by) == ("m", "alice")
    assert row.specification_for(live.ledger.owner)["model"] == "other"
    assert row.specification_for("another")["model"] == "m"
    assert row.next_host is True

    live.ledger.promote(live.ledger.serving(), {})

    row = live.ledger.deployment()
    assert (row.specification()["model"], row.next_spec, row.next_host) == ("other", None, False)
    assert [json.loads(each.spec)["model"] for each in live.ledger.kept_specs()] == ["m", "other"]
    assert live.ledger.kept_specs()[-1].by == "alice"


def test_a_change_that_begins_twice_is_in_the_history_once(live):
    for _ in range(2):  # the answer of the first was lost
        lifecycle.begin(parse({**live.spec, "model": "other"}), live.ledger)

    said = [row for row in live.ledger.rows("event#") if row["what"] == "change"]
    assert len(said) == 1


def test_a_change_that_failed_is_forgotten_and_says_so(live):
    lifecycle.begin(parse({**live.spec, "model": "other"}), live.ledger)

    failed = fail(live, "provision", "HostFailed", "CUDA error")

    assert failed["cause"] == ("CUDA error (the change was not made: generation 1 stays as it is)")
    assert live.ledger.deployment().next_spec is None


def test_a_request_without_a_difference_forgets_an_aborted_change(live):
    lifecycle.begin(parse({**live.spec, "model": "other"}), live.ledger)

    lifecycle.begin(live.deployment, live.ledger)

    assert live.ledger.deployment().next_spec is None


def test_only_what_serves_is_rotated(workflow):
    with pytest.raises(InvalidRequest, match=r"rotate: 'demo' does not serve; `lamplighter up`"):
        lifecycle.begin(workflow.deployment, workflow.ledger, Request(rotate=True))


def test_serving_is_recorded_once(live):
    assert lifecycle.record_serving(live.ledger, "outside")["changed"] is False


def test_a_failed_first_provision_is_to_be_rolled_back(workflow):
    workflow.start()

    failed = fail(workflow, "provision", "Refused", "no quota")

    assert failed == {"error": "Refused", "cause": "no quota", "rollback": True}
    assert workflow.ledger.deployment().reason == "Refused: no quota"


@pytest.mark.parametrize(
    ("facts", "changed", "generation"),
    [
        ({"status": "failed"}, {}, 1),
        ({"status": "failed", "phase": "failed"}, {}, 2),
        ({"status": "failed", "reason": "HostSilent: no report"}, {}, 2),
        ({"status": "failed"}, {"model": "other"}, 2),
        ({"status": "failed"}, {"budget": {"monthly_usd": 5}}, 1),
        ({"status": "provisioning"}, {}, 1),
    ],
)
def test_another_attempt_uses_no_spoilt_instance(provisioned_before, facts, changed, generation):
    workflow = provisioned_before(instance)
    workflow.ensure(instance)
    workflow.ledger.set_host(1, phase=facts.get("phase", "loading"))
    workflow.ledger.record(status=facts["status"], reason=facts.get("reason"))

    lifecycle.begin(parse({**workflow.spec, **changed}), workflow.ledger)

    assert workflow.ensure(instance)["generation"] == generation
    roles = [host.role for host in workflow.ledger.hosts()]
    assert roles == [Role.RETIRED, Role.CANDIDATE][-generation:]


def test_records_of_an_earlier_name_do_not_outlive_it(complete, account):
    complete.ledger.record(status="failed", served_at=None)
    renamed = Workflow(account, {**complete.spec, "dns": {}})

    renamed.provision()
    renamed.teardown()

    assert account.inventory() == {}


def test_a_superseded_provision_leaves_the_rest_to_its_successor(workflow):
    workflow.start()

    failed = fail(workflow, "provision", "Superseded", "torn down")

    assert failed["rollback"] is False


@pytest.mark.parametrize("on_failure", ["rollback", "keep"])
def test_what_a_teardown_removes_anyway_is_not_listed_as_kept(workflow, on_failure):
    workflow.deployment = parse({**workflow.spec, "on_failure": on_failure})
    workflow.provision()
    workflow.ledger.record(status="provisioning", served_at=None)
    lifecycle.retire(workflow.ledger)

    failed = fail(workflow, "provision", "Superseded", "torn down")

    assert failed["cause"] == "torn down"


def test_keep_means_keep(workflow):
    workflow.deployment = parse({**workflow.spec, "on_failure": "keep"})
    workflow.start()

    failed = fail(workflow, "provision", "Refused", "no quota")

    assert failed["rollback"] is False


def test_a_failure_is_recorded_whatever_version_stored_the_specification(live):
    live.ledger.record(spec="{}")

    fail(live, "teardown", "ResourcesLeft", "a volume")

    assert live.ledger.deployment().reason == "ResourcesLeft: a volume"


def test_what_has_served_is_never_rolled_back(live):
    failed = fail(live, "provision", "Refused", "no quota")

    assert failed["rollback"] is False


def test_a_workflow_without_the_lock_changes_nothing(live):
    row = live.ledger.deployment()
    lock.release(live.ledger)

    failed = fail(live, "provision", "LockHeld", "busy")

    assert failed == {"error": "LockHeld", "cause": "busy", "rollback": False}
    assert live.ledger.deployment() == row


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (json.dumps({"errorType": "Refused", "errorMessage": "no quota"}), "no quota"),
        (json.dumps({"Error": "Refused", "Cause": "no quota"}), "no quota"),
        ("no quota", "no quota"),
        ("[1]", "[1]"),
    ],
)
def test_a_cause_becomes_a_sentence(cause, sentence):
    assert sentence_of(cause) == sentence


def test_a_time_out_without_a_cause_is_explained(workflow):
    workflow.start()

    failed = fail(workflow, "provision", "States.Timeout", "")

    assert "took longer than its limit" in failed["cause"]


def test_retiring_works_without_the_lock_and_finds_who_waits(live):
    live.ledger.put(AWAIT, {"token": "earlier", "instance_id": "i-1"})
    for generation in (1, 2):
        live.ledger.keep_wait(AwaitRow(token="t", instance_id="i-1", generation=generation))
    lock.release(live.ledger)

    assert lifecycle.retire(live.ledger) == {"t", "earlier"}
    assert live.ledger.deployment().desired == "absent"


def test_retiring_what_never_was_is_reported(workflow):
    with pytest.raises(NotFound, match="no deployment is named 'demo'"):
        lifecycle.retire(workflow.ledger)


def test_a_sweep_ends_under_the_lock_where_somebody_wants_the_deployment_again(live):
    lifecycle.retire(live.ledger)
    lifecycle.begin(live.deployment, live.ledger)

    with pytest.raises(Superseded, match="is wanted again"):
        lifecycle.start_teardown(live.ledger, swept=True)

    assert live.ledger.deployment().desired == "present"


def test_a_tombstone_keeps_the_highest_generation_and_nothing_else_lives(live):
    live.teardown()

    assert lifecycle.end_teardown(live.ledger) == {"name": "demo", "left": 0}

    row = live.ledger.read(DEPLOYMENT)
    assert (row["status"], row["generation"], row["latest_generation"]) == ("absent", 0, 1)
    assert {"address", "endpoint", "served_at"} & set(row) == set()
    assert live.ledger.hosts() == []
    assert names(live.clients.dynamodb, live.ledger.table) == []


@pytest.mark.parametrize("rolled_back", [True, False])
def test_the_tombstone_of_a_rollback_says_why_until_the_next_start(live, rolled_back):
    live.ledger.record(reason="Refused: no quota")
    live.teardown()

    lifecycle.end_teardown(live.ledger, rolled_back=rolled_back)

    kept = "Refused: no quota (rolled back: 0 resources left)" if rolled_back else None
    assert live.ledger.deployment().reason == kept

    lifecycle.begin(live.deployment, live.ledger)

    assert live.ledger.deployment().reason is None


def test_the_next_life_has_the_next_generation(live):
    live.teardown()
    lifecycle.end_teardown(live.ledger)

    live.provision()

    assert live.ledger.deployment().generation == live.ledger.serving().generation == 2
    assert names(live.clients.dynamodb, live.ledger.table) == ["demo"]


@pytest.mark.parametrize(("answers", "status"), [(True, "serving"), (False, "failed")])
def test_a_failure_leaves_a_deployment_that_answers_serving(live, monkeypatch, answers, status):
    if answers:
        monkeypatch.setattr(probe, "ready", lambda _: None)

    fail(live, "repair", "Refused", "no quota")

    row = live.ledger.deployment()
    assert (row.status, row.reason) == (status, "Refused: no quota")
    assert row.generation == 1


def test_a_budget_of_what_is_live_is_changed_in_place(live):
    deployment = parse({**live.spec, "budget": {"monthly_usd": 500}})

    assert lifecycle.validate(live.clients, deployment, live.ledger)["live"]
    lifecycle.begin(deployment, live.ledger)

    assert live.ensure(instance)["generation"] == 1
    live.promote()
    row = live.ledger.deployment()
    assert row.specification()["budget"]["monthly_usd"] == 500
    assert row.is_live
    assert row.next_spec is None
