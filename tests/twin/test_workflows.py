"""Step Functions as on AWS: names, scopes, tokens, timeouts, and the end of an execution."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.twin


def machine(account: Any, **definition: Any) -> str:
    made = account.client("stepfunctions").create_state_machine(
        name=f"made-{uuid.uuid4().hex[:8]}",
        roleArn="arn:aws:iam::000000000000:role/any",
        definition=json.dumps({"QueryLanguage": "JSONata", **definition}),
    )
    return str(made["stateMachineArn"])


def parallel(states: dict[str, Any], start: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [{"StartAt": start, "States": states}], **more}


def test_a_catch_by_class_name_gets_the_message(account: Any) -> None:
    done = account.run({"do": "fail"})

    assert json.loads(done["output"]) == {"why": "a VPC named prod exists and is not ours"}


def test_a_retry_by_class_name_waits_a_scaled_interval(account: Any) -> None:
    done = account.run({"do": "pending", "key": "retried"})

    took = done["stopDate"] - done["startDate"]
    assert json.loads(done["output"])["seen"] == 3
    assert took < timedelta(seconds=10)  # unscaled, the two intervals alone are 15 s


def test_a_parallel_state_has_an_output_and_its_variables_stay_inside(account: Any) -> None:
    inner = {"Type": "Pass", "Assign": {"v": "inner"}, "Output": "done", "End": True}
    made = machine(
        account,
        StartAt="Set",
        States={
            "Set": {"Type": "Pass", "Assign": {"v": "outer"}, "Next": "Try"},
            "Try": parallel(
                {"Inner": inner}, "Inner", Output="{% $states.result[0] %}", Next="End"
            ),
            "End": {"Type": "Succeed", "Output": {"v": "{% $v %}", "was": "{% $states.input %}"}},
        },
    )

    done = account.ended(account.start(made, {}))

    assert json.loads(done["output"]) == {"v": "outer", "was": "done"}


def test_tasks_in_a_branch_are_in_the_history(account: Any) -> None:
    done = account.run({"do": "fail"})

    events = account.client("stepfunctions").get_execution_history(
        executionArn=done["executionArn"]
    )["events"]
    entered = [
        each["stateEnteredEventDetails"]["name"] for each in events if "Entered" in each["type"]
    ]

    assert entered == ["Which?", "Guarded", "Fail", "Explained"]


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(account: Any) -> None:
    name = f"named-{uuid.uuid4().hex}"
    first = account.start(account.outputs["Machine"], {"do": "pause"}, name=name)

    again = account.start(account.outputs["Machine"], {"do": "pause"}, name=name)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        account.start(account.outputs["Machine"], {"do": "other"}, name=name)
    account.client("stepfunctions").stop_execution(executionArn=first)
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        account.start(account.outputs["Machine"], {"do": "pause"}, name=name)

    assert again == first


def test_a_stopped_execution_does_no_more_in_its_branches(account: Any) -> None:
    waiting = {"Type": "Wait", "Seconds": 150, "Next": "Put"}  # 3 s, scaled
    name = {"Name": "{% $states.context.Execution.Input.parameter %}"}
    put = {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:putParameter",
        "Arguments": {**name, "Value": "x", "Type": "String"}, "End": True,
    }  # fmt: skip
    caught = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Never"}], "End": True}
    made = machine(
        account,
        StartAt="Try",
        States={
            "Try": parallel({"Wait": waiting, "Put": put}, "Wait", **caught),
            "Never": {"Type": "Succeed"},
        },
    )
    stopped, later = (f"/put/{uuid.uuid4().hex}" for _ in range(2))
    execution = account.start(made, {"parameter": stopped})

    account.client("stepfunctions").stop_execution(executionArn=execution, cause="enough")
    # When one that began later has put its parameter, the stopped one would have put its own.
    undisturbed = account.ended(account.start(made, {"parameter": later}))

    described = account.client("stepfunctions").describe_execution(executionArn=execution)
    assert (described["status"], described["cause"]) == ("ABORTED", "enough")
    assert "output" not in described
    assert undisturbed["status"] == "SUCCEEDED"
    assert account.client("ssm").get_parameter(Name=later)["Parameter"]["Value"] == "x"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.client("ssm").get_parameter(Name=stopped)


def test_a_machine_runs_no_longer_than_its_timeout(account: Any) -> None:
    states = {"Long": {"Type": "Wait", "Seconds": 3000, "End": True}}  # 60 s, scaled
    made = machine(account, StartAt="Long", TimeoutSeconds=1, States=states)

    done = account.ended(account.start(made, {}))

    assert (done["status"], done["error"]) == ("TIMED_OUT", "States.Timeout")


def test_a_failed_child_is_a_failed_task_of_its_parent(account: Any) -> None:
    fail = {"Type": "Fail", "Error": "HostFailed", "Cause": "no driver"}
    child = machine(account, StartAt="No", States={"No": fail})
    call = {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": child, "Input": {}}, "End": True,
    }  # fmt: skip
    parent = machine(account, StartAt="Call", States={"Call": call})

    done = account.ended(account.start(parent, {}))

    assert done["error"] == "States.TaskFailed"
    assert json.loads(done["cause"]) == {"Error": "HostFailed", "Cause": "no driver"}


def report(account: Any, deployment: str, phase: str) -> None:
    detail = json.dumps({"deployment": deployment, "phase": phase})
    entry = {
        "EventBusName": account.outputs["Bus"], "Source": "lamplighter.host",
        "DetailType": "Host Report", "Detail": detail,
    }  # fmt: skip
    assert account.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_heartbeats_keep_a_waiting_task_alive_until_success(account: Any) -> None:
    execution = account.start(account.outputs["Machine"], {"do": "wait", "deployment": "alive"})
    for _ in range(20):  # 5 s of a 3 s heartbeat
        time.sleep(0.25)
        report(account, "alive", "loading")

    report(account, "alive", "serving")

    assert json.loads(account.ended(execution)["output"]) == {"ok": True}


def test_a_silent_host_ends_the_wait(account: Any) -> None:
    done = account.run({"do": "wait", "deployment": "silent"})

    assert (done["status"], done["error"]) == ("FAILED", "States.HeartbeatTimeout")


def test_a_failing_lambda_ends_the_wait_for_its_token(account: Any) -> None:
    done = account.run({"do": "broken-wait"})

    assert done["error"] == "ResourceConflict"
