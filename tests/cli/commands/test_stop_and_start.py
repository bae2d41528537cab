from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clilab.fixture_types import Lock, Run
    from clilab.workflows import Scripting, Workflows
    from mypy_boto3_dynamodb.service_resource import Table

STOPPED: dict[str, Any] = {
    "name": "prod", "outcome": "stopped", "instance_id": "i-2", "kept": True, "changed": True,
}  # fmt: skip
STARTED: dict[str, Any] = {
    "name": "prod", "endpoint": "https://infer.example.com", "instance_id": "i-2", "changed": True,
}  # fmt: skip


@pytest.fixture
def stopped(ledger: Table) -> Table:
    """A ledger that knows one deployment, `prod`, which is stopped."""
    ledger.put_item(
        Item={
            "pk": "prod", "sk": "deployment", "version": 2, "desired": "stopped",
            "status": "stopped", "generation": 2, "endpoint": "https://infer.example.com",
            "served_at": "2026-05-01T12:00:00+00:00", "stopped_at": "2026-05-01T20:00:00+00:00",
        }
    )  # fmt: skip
    ledger.put_item(
        Item={
            "pk": "prod", "sk": "host#2", "generation": 2, "role": "serving", "planned": "stop",
            "instance_id": "i-2", "launched_at": "2026-05-01T11:00:00+00:00",
            "stopped_at": "2026-05-01T20:00:00+00:00", "price_usd_hour": Decimal(1),
            "volume_usd_hour": Decimal("0.02"), "address_usd_hour": Decimal("0.005"),
        }
    )  # fmt: skip
    return ledger


@pytest.mark.usefixtures("stopped")
def test_stop_says_what_is_kept_what_it_costs_and_how_it_starts_again(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["stop"] = script.of(output=STOPPED)

    result = lamplighter("stop", "prod")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        "prod is stopped after 42 s: i-2 is kept; it costs $18.25 a month; "
        "`lamplighter start prod` starts it again\n"
    )
    assert workflows.started("stop") == [{"name": "prod"}]


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize(
    ("output", "said"),
    [
        (STOPPED | {"changed": False}, "prod is stopped already; "),
        (STOPPED | {"kept": False}, "EC2 could not stop its instance, which is terminated; "),
    ],
)
def test_stop_says_what_became_of_the_instance(
    lamplighter: Run,
    workflows: Workflows,
    script: type[Scripting],
    output: dict[str, Any],
    said: str,
) -> None:
    workflows.scripts["stop"] = script.of(output=output)

    assert said in lamplighter("stop", "prod").stdout


@pytest.mark.usefixtures("stopped")
def test_start_says_where_it_serves(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["start"] = script.of(output=STARTED)

    result = lamplighter("start", "prod")

    assert result.stdout == "prod is serving at https://infer.example.com after 42 s on i-2\n"
    assert workflows.started("start") == [{"name": "prod"}]


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(("verb", "output"), [("stop", STOPPED), ("start", STARTED)])
def test_both_answer_machines_in_json(
    lamplighter: Run,
    workflows: Workflows,
    script: type[Scripting],
    verb: str,
    output: dict[str, Any],
) -> None:
    workflows.scripts[verb] = script.of(output=output)

    document = json.loads(lamplighter("--json", verb, "prod").stdout)

    assert document.items() >= output.items()
    assert document["seconds"] == 42


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(("verb", "output"), [("stop", STOPPED), ("start", STARTED)])
def test_one_that_runs_already_is_joined(
    lamplighter: Run,
    workflows: Workflows,
    script: type[Scripting],
    locked: Lock,
    verb: str,
    output: dict[str, Any],
) -> None:
    workflows.scripts[verb] = script.of([], output=output)
    running = locked(verb, {"name": "prod"})

    result = lamplighter(verb, "prod")

    assert result.exit_code == 0, result.stderr
    assert f"watching {running}" in result.stderr
    assert len(workflows.started(verb)) == 1


@pytest.mark.usefixtures("stopped")
def test_a_start_waits_for_the_stop_that_runs(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock
) -> None:
    workflows.scripts |= {"stop": script.of([], output=STOPPED), "start": script.of(output=STARTED)}
    running = locked("stop", {"name": "prod"})

    result = lamplighter("start", "prod")

    assert f"a stop of prod is running: watching {running}" in result.stderr
    assert "prod is serving" in result.stdout


@pytest.mark.usefixtures("stopped")
def test_a_stop_does_not_wait_for_a_repair(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock
) -> None:
    workflows.scripts |= {"repair": script.of([], [], []), "stop": script.of(output=STOPPED)}
    locked("repair", {"name": "prod"})

    assert lamplighter("stop", "prod").exit_code == 0
    assert workflows.started("stop") == [{"name": "prod"}]


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("verb", ["stop", "start"])
def test_neither_begins_beside_a_teardown(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock, verb: str
) -> None:
    workflows.scripts["teardown"] = script.of([], [], [])
    locked("teardown", {"name": "prod"})

    result = lamplighter(verb, "prod")

    assert result.exit_code == 4
    assert "a teardown of prod is running" in result.stderr
    assert workflows.started(verb) == []


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("verb", ["stop", "start"])
def test_an_unknown_deployment_is_neither_stopped_nor_started(lamplighter: Run, verb: str) -> None:
    assert lamplighter(verb, "prod").exit_code == 3


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("verb", ["stop", "start"])
def test_an_installation_of_an_earlier_version_is_named(
    lamplighter: Run, workflows: Workflows, verb: str
) -> None:
    outputs = workflows.stacks["lamplighter"]
    earlier = {k: v for k, v in outputs.items() if k not in {"StopArn", "StartArn"}}
    workflows.stacks = {"lamplighter": earlier}

    result = lamplighter(verb, "prod")

    assert result.exit_code == 5
    assert f"cannot {verb} a deployment: run `make deploy`" in result.stderr


@pytest.mark.usefixtures("stopped")
def test_status_of_a_stopped_deployment_says_since_when_and_what_a_month_costs(
    lamplighter: Run,
) -> None:
    shown = " ".join(lamplighter("status", "prod").stdout.split())
    document = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert "since 2026-05-01 20:00" in shown
    assert "its disk and address cost $18.25 a month, `lamplighter start prod` starts it" in shown
    assert document["stopped"] == {"since": "2026-05-01T20:00:00+00:00", "monthly_usd": 18.25}
    assert document["cost"]["hour_usd"] == 0.025


ASLEEP = STOPPED | {"outcome": "asleep"}


@pytest.fixture
def asleep(stopped: Table) -> Table:
    """A ledger that knows one deployment, `prod`, which sleeps."""
    row = stopped.get_item(Key={"pk": "prod", "sk": "deployment"})["Item"]
    slept = {"asleep_at": "2026-05-01T21:00:00+00:00", "asleep_by": "30 minutes without a request"}
    stopped.put_item(Item={**row, "desired": "asleep", "status": "asleep", **slept})
    return stopped


@pytest.mark.usefixtures("asleep")
def test_sleep_names_who_asked_for_it(
    lamplighter: Run, workflows: Workflows, script: type[Scripting]
) -> None:
    workflows.scripts["stop"] = script.of(output=ASLEEP)

    result = lamplighter("sleep", "prod")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("prod is asleep after 42 s: i-2 is kept; it costs $18.25")
    [execution] = workflows.executions.values()
    caller = "arn:aws:sts::123456789012:user/moto"
    assert execution.document == {"name": "prod", "sleep": True, "asked_by": caller}


@pytest.mark.usefixtures("asleep")
def test_a_stop_that_joined_a_sleep_is_asked_for_again(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock
) -> None:
    workflows.scripts["stop"] = script.of([], output=ASLEEP)
    locked("stop", {"name": "prod", "sleep": True})

    lamplighter("stop", "prod")

    assert workflows.started("stop")[1:] == [{"name": "prod"}]


@pytest.mark.usefixtures("asleep")
def test_status_of_what_sleeps_says_why_and_how_it_is_woken(
    lamplighter: Run, workflows: Workflows
) -> None:
    workflows.stacks["lamplighter"]["WakeUrl"] = "https://waker.example/"
    shown = " ".join(lamplighter("status", "prod").stdout.split())
    document = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert "since 2026-05-01 21:00" in shown
    assert "asked for by 30 minutes without a request; its disk and address cost $18.25" in shown
    assert "a request to the URL below, or `lamplighter start prod` starts it" in shown
    assert "https://waker.example/prod/v1" in shown
    assert document["stopped"] is None
    assert document["asleep"] == {
        "since": "2026-05-01T21:00:00+00:00",
        "monthly_usd": 18.25,
        "asked_by": "30 minutes without a request",
        "woken_at": "https://waker.example/prod/v1",
    }


@pytest.mark.usefixtures("serving")
def test_status_of_what_serves_says_nothing_of_a_stop(lamplighter: Run) -> None:
    assert json.loads(lamplighter("--json", "status", "prod").stdout)["stopped"] is None


@pytest.mark.usefixtures("stopped")
def test_up_waits_for_the_start_that_runs(
    lamplighter: Run, workflows: Workflows, script: type[Scripting], locked: Lock, spec: str
) -> None:
    served = STARTED | {"seconds": 1}
    workflows.scripts |= {
        "start": script.of([], [], output=served), "provision": script.of(output=served),
    }  # fmt: skip
    running = locked("start", {"name": "prod"})

    result = lamplighter("up", spec)

    assert result.exit_code == 0, result.stderr
    assert f"prod is being started: watching {running}" in result.stderr


@pytest.mark.parametrize(
    ("lasting", "began_at", "expires_at"),
    [
        ("14d", "2026-05-01T12:00:00+00:00", "2026-05-15T12:00:00+00:00"),
        ("36h", "2026-05-01T12:00:00+00:00", "2026-05-03T00:00:00+00:00"),
        ("14d", "", ""),
        (None, "2026-05-01T12:00:00+00:00", ""),
        (14, "2026-05-01T12:00:00+00:00", ""),
    ],
)
def test_status_says_when_a_deployment_expires(
    lamplighter: Run, ledger: Table, lasting: object, began_at: str, expires_at: str
) -> None:
    spec = json.dumps({"expires_after": lasting})
    row = {"pk": "prod", "sk": "deployment", "status": "serving", "spec": spec}
    ledger.put_item(Item=row | ({"began_at": began_at} if began_at else {}))

    shown = lamplighter("status", "prod").stdout
    document = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert document["expires_at"] == expires_at
    assert ("torn down then" in shown) == bool(expires_at)
