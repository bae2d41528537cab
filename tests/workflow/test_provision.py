"""The real template, the real workflows, the real handlers, a real gateway and agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import eventually
from twin import control as twins

from workflow.conftest import SPEC as WITH_DNS

pytestmark = pytest.mark.twin

SPEC = {"name": "alpha", "model": "m"}
# One call of every step, in the order of provision (the scripts have their own test below).
STEPS = [
    "ec2.CreateVpc",
    "ec2.CreateSecurityGroup",
    "ecr.CreateRepository",
    "s3.CreateBucket",
    "codebuild.StartBuild",
    "ssm.PutParameter",
    "ec2.RunInstances",
    "ec2.AllocateAddress",
    "route53.ChangeResourceRecordSets",
]
# A request that no waiting corrects; a permission that is missing is waited for at first.
REFUSED = {"code": "InvalidParameterCombination", "message": "not today", "status": 400}


def test_a_minimal_specification_ends_in_an_answer_and_a_second_run_creates_nothing(aws):
    first = aws.up(**WITH_DNS)
    assert first["endpoint"] == "https://infer.demo.test"
    assert first["changed"] is True
    assert "stub engine" in aws.ask("alpha")

    with aws.counted() as calls:
        second = aws.up(**WITH_DNS)

    assert calls == []
    assert second == {**first, "changed": False}
    assert aws.instances("alpha") == [first["instance_id"]]
    aws.down("alpha")
    assert aws.inventory() == []


def test_the_plain_aws_cli_provisions_like_ours_does(aws):
    environment = {**os.environ, **twins.environment(aws.twin.state)}
    aws_cli = [str(Path(sys.executable).with_name("aws")), "stepfunctions"]
    machine = ["--state-machine-arn", aws.outputs["ProvisionArn"]]

    started = subprocess.run(
        [*aws_cli, "start-execution", *machine, "--input", json.dumps(SPEC), "--output", "json"],
        env=environment,
        check=True,
        capture_output=True,
    )

    ended = aws.ended(json.loads(started.stdout)["executionArn"])
    assert ended["status"] == "SUCCEEDED"
    assert aws.deployment("alpha")["status"] == "serving"
    assert "stub engine" in aws.ask("alpha")


@pytest.mark.parametrize("call", STEPS)
def test_a_failed_step_is_told_and_what_it_followed_is_gone(aws, call):
    aws.fault(call, **REFUSED)

    ended = aws.run("provision", WITH_DNS)

    assert aws.struck()
    assert (ended["status"], ended["error"]) == ("FAILED", "Refused")
    assert "not today" in ended["cause"]
    assert "(rolled back: 0 resources left)" in ended["cause"]
    assert aws.inventory() == []


def test_a_failed_upload_of_the_scripts_is_told_and_what_it_followed_is_gone(aws):
    """EnsureImage calls S3 likewise, but not once its image is there: hence a kept attempt."""
    aws.fault("ssm.PutParameter", **REFUSED)
    assert aws.run("provision", {**SPEC, "on_failure": "keep"})["status"] == "FAILED"
    aws.fault("s3.ListObjectsV2", **REFUSED)

    ended = aws.run("provision", SPEC)

    assert aws.struck()
    assert (ended["status"], ended["error"]) == ("FAILED", "Refused")
    assert "not today" in ended["cause"]
    assert entered(aws, ended)[-2:] == ["EnsureRole", "EnsureScripts"]
    assert aws.inventory() == []


@pytest.mark.parametrize("call", ["ec2.CreateSecurityGroup", "ec2.RunInstances"])
def test_keep_keeps_what_was_made_and_says_why(aws, call):
    aws.fault(call, **REFUSED)

    ended = aws.run("provision", {**SPEC, "on_failure": "keep"})

    assert ended["status"] == "FAILED"
    assert aws.inventory() != []
    row = aws.deployment("alpha")
    assert row["status"] == "failed"
    assert "not today" in row["reason"]
    [vpc] = [line for line in aws.inventory() if line.startswith("vpc ")]
    assert "(kept: " in ended["cause"]
    assert vpc in ended["cause"]
    resumed = aws.up(**{**SPEC, "on_failure": "keep"})
    assert resumed["endpoint"].startswith("https://")


def test_throttled_calls_are_only_waited_out(aws):
    calls = ("ec2.CreateVpc", "ec2.RunInstances", "ec2.AllocateAddress")
    aws.fault(*calls, code="RequestLimitExceeded", message="slow down", status=503)

    aws.up(**SPEC)

    assert aws.struck()
    assert len(aws.instances("alpha")) == 1


def test_a_lost_reply_makes_no_second_vpc(aws):
    aws.fault("ec2.CreateVpc", when="after", code="InternalError", message="lost", status=500)

    aws.up(**SPEC)

    assert aws.struck()
    assert len([r for r in aws.inventory() if r.startswith("vpc ")]) == 1


def test_without_a_gpu_the_engine_is_disabled_and_the_rest_is_healthy(aws):
    output = aws.up(**SPEC, instance={"gpu": False, "type": "t3.large"})

    assert output["probed_from"] == "outside"
    assert aws.get("alpha", "/health/ready")["status"] == "disabled"


def test_where_the_door_is_closed_to_us_the_host_is_believed(aws):
    output = aws.up(**SPEC, network={"allowed_cidrs": ["203.0.113.0/24"]})

    assert output["probed_from"] == "host"
    assert "stub engine" in aws.ask("alpha")


def test_what_the_host_reports_as_its_failure_is_the_failure(aws):
    execution = waiting(aws, SPEC)
    aws.report("alpha", "failed", cause="the model is gated: accept its licence")

    ended = aws.ended(execution)

    assert ended["error"] == "HostFailed"
    assert "the model is gated: accept its licence" in ended["cause"]
    assert aws.inventory() == []


def test_a_host_whose_scripts_cannot_be_had_says_so_itself(aws):
    aws.fault("s3.GetObject", code="AccessDenied", message="no scripts", status=403)

    ended = aws.run("provision", SPEC)

    assert ended["error"] == "HostFailed"
    assert "no scripts" in ended["cause"]
    assert "run lamplighter up" in ended["cause"]
    assert aws.inventory() == []


def test_a_silent_host_is_a_failure(aws):
    execution = waiting(aws, SPEC)

    ended = aws.ended(execution)

    assert ended["error"] == "HostSilent"
    assert "the host sent no report for 15 seconds" in ended["cause"]
    assert aws.inventory() == []


def test_a_host_that_is_lost_before_it_serves_is_followed_by_another_at_once(aws):
    execution = waiting(aws, SPEC)
    [first], generation = aws.instances("alpha"), int(aws.newest_host("alpha")["generation"])
    eventually(aws.struck, bool, 60)

    twins.break_(aws.twin.state, "terminate", "alpha")

    output = aws.ended(execution)["output"]
    assert output["generation"] == generation + 1
    assert aws.instances("alpha") == [output["instance_id"]] != [first]
    assert "stub engine" in aws.ask("alpha")


def test_a_teardown_ends_a_provision_that_waits_for_its_host(aws):
    execution = waiting(aws, SPEC)

    aws.down("alpha")

    assert aws.ended(execution)["error"] == "Superseded"
    assert aws.inventory() == []


def test_the_same_name_starts_once(aws):
    first = aws.start("provision", SPEC, name="the-same-start")
    second = aws.start("provision", SPEC, name="the-same-start")

    assert first == second
    assert aws.ended(first)["status"] == "SUCCEEDED"
    assert len(aws.instances("alpha")) == 1


def test_two_provisions_at_once_make_one_deployment(aws):
    executions = [aws.start("provision", SPEC) for _ in range(2)]

    ended = [aws.ended(execution) for execution in executions]

    assert [e["status"] for e in ended] == ["SUCCEEDED", "SUCCEEDED"]
    assert sorted(e["output"]["changed"] for e in ended) == [False, True]
    assert len(aws.instances("alpha")) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"instance": {"tpye": "x"}}, "instance.tpye: unknown key; did you mean 'type'?"),
        ({"instance": {"type": "zz9.huge"}}, "instance.type: 'zz9.huge'"),
        ({"network": {"zones": 9}}, "network.zones: 9"),
        ({"network": {"cidr": "10.0.0.0/8"}}, "network.cidr: '10.0.0.0/8'"),
        ({"dns": {"domain": "nowhere.test"}}, "dns.domain: no public hosted zone"),
    ],
)
def test_a_wrong_specification_creates_nothing(aws, wrong, told):
    with aws.counted() as calls:
        ended = aws.run("provision", {**SPEC, **wrong})

    assert ended["error"] == "InvalidRequest"
    assert told in ended["cause"]
    assert calls == []


@pytest.mark.parametrize("document", [{}, {"name": 7}, {"name": ""}, {"name": "a" * 300}])
def test_an_input_that_names_no_deployment_is_told(aws, document):
    ended = aws.run("provision", document)

    assert ended["error"] == "InvalidRequest"
    assert "name" in ended["cause"]


def test_what_cannot_be_changed_on_a_live_deployment_is_refused(live):
    aws, first = live

    ended = aws.run("provision", {**WITH_DNS, "network": {"cidr": "10.9.0.0/16"}})

    assert ended["error"] == "DeploymentExists"
    assert "network.cidr: the ranges" in ended["cause"]
    assert aws.instances("alpha") == [first["instance_id"]]
    assert aws.deployment("alpha")["status"] == "serving"


def test_no_secret_is_in_an_execution_history(live):
    aws, _ = live
    key = aws.client("ssm").get_parameter(Name="/lamplighter/alpha/api-key", WithDecryption=True)
    sfn = aws.client("stepfunctions")

    histories = [
        sfn.get_execution_history(executionArn=execution)
        for execution in aws.executions("provision")
    ]

    assert "EnsureKeys" in json.dumps(histories, default=str)
    assert key["Parameter"]["Value"] not in json.dumps(histories, default=str)


def entered(aws, execution):
    """The steps that a provision has begun, in order."""
    history = aws.client("stepfunctions").get_execution_history(
        executionArn=execution["executionArn"]
    )
    names = [e.get("stateEnteredEventDetails", {}).get("name", "") for e in history["events"]]
    return [name for name in names if name.startswith("Ensure")]


def _waits(keys):
    return any(key.startswith("await#") for key in keys)


def waiting(aws, spec):
    """Start a provision whose host never says a word: its instance does not get its user_data."""
    aws.fault("ec2.DescribeInstanceAttribute", code="AccessDenied", message="no", status=403)
    execution = aws.start("provision", spec)
    eventually(lambda: [row["sk"] for row in aws.rows("alpha")], _waits, 60)
    return execution
