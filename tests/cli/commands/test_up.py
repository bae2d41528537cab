from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from typing import Any

    from clilab.fixture_types import Lock, Origins, Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

SERVING = {
    "name": "prod",
    "endpoint": "https://infer.example.com",
    "instance_id": "i-1",
    "generation": 1,
}
SPEC = {"name": "prod", "model": "m"}
REPAIRED = {"outcome": "repaired", "instance_id": "i-3"}


def put_host(table: Table, generation: int, **facts: Any) -> None:
    key = {"pk": "prod", "sk": f"host#{generation}"}
    table.put_item(Item={**key, "generation": generation, **facts})


@pytest.fixture
def provisions(workflows: Workflows, script: type[Scripting]) -> None:
    """Let provision take one step and then serve."""
    workflows.scripts["provision"] = script.of(
        [script.entered("EnsureNetwork", 0)],
        [script.left("EnsureNetwork", 3)],
        output=SERVING,
    )


@pytest.mark.usefixtures("ledger", "provisions")
def test_up_tells_endpoint_key_and_a_curl_line(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    result = lamplighter("up", spec)

    assert result.exit_code == 0, result.stderr
    assert "provision of prod in account 123456789012, region us-east-1: arn:" in result.stderr
    assert workflows.started("provision") == [SPEC]
    curl = (
        """printf 'Authorization: Bearer %s' "$(lamplighter key prod)" | """
        "curl --insecure https://infer.example.com/v1/chat/completions -H @-"
        ' -H "Content-Type: application/json"'
        ' -d \'{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}\''
    )
    assert result.stdout.splitlines() == [
        "prod is serving at https://infer.example.com after 42 s",
        "  API key:  lamplighter key prod",
        f"  try it:   {curl}",
    ]


@pytest.mark.usefixtures("ledger", "provisions")
def test_a_host_with_a_name_has_a_certificate_that_curl_can_verify(
    lamplighter: Run, spec: str
) -> None:
    with Path(spec).open("a", encoding="utf-8") as file:
        file.write("dns: {domain: example.com}\n")

    result = lamplighter("up", spec)

    assert "curl https://infer.example.com/v1/chat/completions" in result.stdout


@pytest.mark.usefixtures("ledger", "provisions")
def test_progress_in_a_pipe_is_one_plain_line_per_change(lamplighter: Run, spec: str) -> None:
    result = lamplighter("up", spec)

    assert result.stderr.splitlines()[-2:] == ["EnsureNetwork", "EnsureNetwork done, 3.0 s"]


@pytest.mark.usefixtures("ledger", "provisions")
def test_json_gives_one_document_and_progress_as_json_lines(lamplighter: Run, spec: str) -> None:
    result = lamplighter("--json", "up", spec)

    assert json.loads(result.stdout).items() >= SERVING.items()
    progress = [json.loads(line) for line in result.stderr.splitlines()]
    assert [one["change"] for one in progress if "step" in one] == ["entered", "left"]


def test_the_hosts_phase_is_shown_while_the_workflow_waits_for_it(
    lamplighter: Run, ledger: Table, workflows: Workflows, script: type[Scripting], spec: str
) -> None:
    def report(look: int) -> None:
        said = {"phase": "loading", "percent": look * 10, "cause": "shard 1"}
        ledger.put_item(Item={"pk": "prod", "sk": "deployment", "generation": 0})
        put_host(ledger, 1, role="candidate", **said)

    workflows.scripts["provision"] = script.of(
        [script.entered("EnsureInstance", 0), script.left("EnsureInstance", 1)],
        [script.entered("AwaitServing", 2)],
        [],
        [script.left("AwaitServing", 9)],
        output=SERVING,
        on_look=report,
    )

    result = lamplighter("up", spec)

    assert [line for line in result.stderr.splitlines() if "host" in line] == [
        "  host: loading 20 %: shard 1",
        "  host: loading 30 %: shard 1",
    ]


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("AwaitServing", ["  host: loading 40 %"]),
        ("DrainPredecessors", ["  host: draining"]),
        ("PromoteHost", []),
    ],
)
def test_of_two_hosts_the_phase_of_the_awaited_one_is_shown(
    lamplighter: Run,
    serving: Table,
    workflows: Workflows,
    script: type[Scripting],
    step: str,
    shown: list[str],
) -> None:
    put_host(serving, 1, role="retired", phase="failed")
    put_host(serving, 2, role="draining", phase="draining")
    put_host(serving, 3, role="candidate", phase="loading", percent=40)
    workflows.scripts["repair"] = script.of([script.entered(step, 2)], output=REPAIRED)

    result = lamplighter("repair", "prod", "--force")

    assert [line for line in result.stderr.splitlines() if "host:" in line] == shown


def test_the_phase_of_the_host_that_serves_is_not_shown_as_the_candidates(
    lamplighter: Run, serving: Table, workflows: Workflows, script: type[Scripting]
) -> None:
    put_host(serving, 2, role="serving", phase="serving")
    put_host(serving, 3, role="candidate")
    workflows.scripts["repair"] = script.of([script.entered("AwaitServing", 2)], output=REPAIRED)

    result = lamplighter("repair", "prod", "--force")

    assert "host:" not in result.stderr


@pytest.mark.usefixtures("serving")
def test_up_of_what_serves_already_says_that_nothing_changed(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str
) -> None:
    workflows.scripts["provision"] = script.of(output=SERVING | {"changed": False})

    result = lamplighter("up", spec)

    assert result.exit_code == 0
    assert result.stdout.startswith(
        "prod is already serving at https://infer.example.com, nothing changed"
    )


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("InvalidRequest", 2),
        ("NotFound", 3),
        ("DeploymentExists", 4),
        ("LockHeld", 4),
        ("ResourceConflict", 4),
        ("HostFailed", 1),
        ("States.Timeout", 1),
    ],
)
def test_a_failure_is_reported_with_its_name_sentence_and_execution(
    lamplighter: Run,
    workflows: Workflows,
    script: type[Scripting],
    spec: str,
    error: str,
    code: int,
) -> None:
    workflows.scripts["provision"] = script.of(error=error, cause="the sentence")

    result = lamplighter("up", spec)

    assert result.exit_code == code
    assert f"lamplighter: {error}: the sentence\n" in result.stderr
    assert "\nexecution: arn:aws:states:us-east-1:123456789012:execution:provision:" in (
        result.stderr
    )
    assert result.stdout == ""


@pytest.mark.usefixtures("ledger")
def test_lambdas_error_document_is_unwrapped(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str
) -> None:
    cause = json.dumps({"errorType": "ResourceConflict", "errorMessage": "not ours", "trace": []})
    workflows.scripts["provision"] = script.of(error="States.TaskFailed", cause=cause)

    result = lamplighter("--json", "up", spec)

    assert result.exit_code == 4
    failed = json.loads(result.stdout)
    assert (failed["error"], failed["cause"]) == ("ResourceConflict", "not ours")


@pytest.mark.usefixtures("provisions")
def test_a_running_provision_of_the_same_specification_is_joined(
    lamplighter: Run, workflows: Workflows, spec: str, locked: Lock
) -> None:
    running = locked("provision", SPEC)

    result = lamplighter("up", spec)

    assert result.exit_code == 0, result.stderr
    assert f"watching {running}" in result.stderr
    assert workflows.started("provision") == [SPEC]


@pytest.mark.usefixtures("provisions")
def test_a_running_provision_of_another_specification_is_a_conflict(
    lamplighter: Run, workflows: Workflows, spec: str, locked: Lock
) -> None:
    locked("provision", SPEC | {"model": "other"})

    result = lamplighter("up", spec)

    assert result.exit_code == 4
    assert "another specification" in result.stderr
    assert len(workflows.started("provision")) == 1


@pytest.mark.usefixtures("provisions")
def test_a_running_repair_is_watched_before_the_provision_starts(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str, locked: Lock
) -> None:
    workflows.scripts["repair"] = script.of([], [])
    locked("repair", {"name": "prod"})

    result = lamplighter("up", spec)

    assert result.exit_code == 0, result.stderr
    assert "prod is being repaired" in result.stderr
    assert workflows.started("provision") == [SPEC]


def test_a_running_teardown_is_a_conflict(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str, locked: Lock
) -> None:
    workflows.scripts["teardown"] = script.of([], [])
    locked("teardown", {"name": "prod"})

    result = lamplighter("up", spec)

    assert result.exit_code == 4
    assert workflows.started("provision") == []


@pytest.mark.usefixtures("provisions")
def test_a_lock_whose_execution_is_gone_is_no_lock(
    lamplighter: Run, ledger: Table, workflows: Workflows, spec: str
) -> None:
    gone = "arn:aws:states:us-east-1:123456789012:execution:provision:gone"
    ledger.put_item(Item={"pk": "prod", "sk": "lock", "owner": gone})

    result = lamplighter("up", spec)

    assert result.exit_code == 0, result.stderr
    assert workflows.started("provision") == [SPEC]


@pytest.mark.usefixtures("ledger")
def test_ctrl_c_says_that_the_workflow_goes_on_and_how_to_stop_it(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str
) -> None:
    def interrupt(look: int) -> None:
        if look == 2:
            raise KeyboardInterrupt

    workflows.scripts["provision"] = script.of([], [], on_look=interrupt)

    result = lamplighter("up", spec)

    assert result.exit_code == 130
    assert "the workflow goes on" in result.stderr
    assert "lamplighter events prod --follow" in result.stderr
    assert "aws stepfunctions stop-execution --execution-arn arn:aws:states:" in result.stderr


@pytest.mark.usefixtures("ledger")
def test_a_specification_without_a_name_is_left_to_the_workflow(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], tmp_path: Path
) -> None:
    file = tmp_path / "nameless.yaml"
    file.write_text("model: m\n")
    workflows.scripts["provision"] = script.of(error="InvalidRequest", cause="name is missing")

    result = lamplighter("up", str(file))

    assert result.exit_code == 2
    assert workflows.started("provision") == [{"model": "m"}]


@pytest.mark.usefixtures("ledger")
def test_the_twins_local_origin_is_reported(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], spec: str, twin: Origins
) -> None:
    workflows.scripts["provision"] = script.of(output=SERVING)
    twin({"https://infer.example.com": "http://127.0.0.1:40001"})

    result = lamplighter("--local", "up", spec)

    assert result.exit_code == 0, result.stderr
    assert "  here:     http://127.0.0.1:40001\n" in result.stdout
    assert "curl http://127.0.0.1:40001/v1/chat/completions" in result.stdout
    assert "$(lamplighter --local key prod)" in result.stdout


WARNED = {"name": "quota L-1", "result": "warn", "found": "4 of 7", "needed": "", "remedy": "ask"}
PRICE = {"usd_per_hour": 0.83, "usd_per_month": 606.0}
PLANNED = {"changes": [], "checks": [WARNED], "cost": {"total": PRICE}}


@pytest.mark.usefixtures("ledger", "provisions")
def test_up_says_first_what_it_costs_and_what_did_not_pass(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", PLANNED)

    lines = lamplighter("up", spec).stderr.splitlines()

    assert lines[1] == "warn: quota L-1: 4 of 7; ask"
    assert lines[2] == "nothing to do, 1 checks: 1 warn, $0.83 an hour"


@pytest.mark.usefixtures("ledger", "provisions")
def test_what_cannot_work_starts_no_workflow(
    lamplighter: Run, workflows: Workflows, spec: str
) -> None:
    workflows.plan = ("", PLANNED | {"checks": [WARNED | {"result": "fail"}]})

    result = lamplighter("up", spec)

    assert result.exit_code == 2
    assert "fail: quota L-1: 4 of 7; ask" in result.stderr
    assert workflows.started("provision") == []


@pytest.mark.usefixtures("ledger", "provisions")
def test_an_operator_who_may_not_plan_may_provision(
    lamplighter: Run, workflows: Workflows, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}

    def ask(*_: Any) -> None:
        raise ClientError(refusal, "Invoke")  # type: ignore[arg-type]

    monkeypatch.setattr("lamplighter.commands.plan.ask", ask)
    result = lamplighter("up", spec)

    assert result.exit_code == 0
    assert "not planned first: AWS does not allow Invoke to these credentials" in result.stderr
