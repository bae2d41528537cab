from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from clilab.workflows import OUTPUTS, Workflows

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table


NOTHING: dict[str, Any] = {"deployments": [], "unreadable": []}
AT = "2026-05-01T13:00:00+00:00"


@pytest.fixture
def incident(serving: Table) -> Table:
    closed: dict[str, Any] = {
        "pk": "prod",
        "sk": "incident#2026-05-01T11:00:00+00:00#repair-prod-1",
        "opened_at": "2026-05-01T11:00:00+00:00",
        "began_at": "2026-05-01T11:00:30+00:00",
        "closed_at": "2026-05-01T11:03:00+00:00",
        "trigger": "EC2 Instance State-change Notification: terminated",
        "instance_id": "i-1",
        "replaced_by": "i-2",
        "outcome": "repaired",
        "seconds": 180,
    }
    serving.put_item(Item=closed)
    return serving


@pytest.fixture
def history(incident: Table) -> None:
    for minute, what, text in [("00", "provision", "started"), ("59", "phase", "serving")]:
        at = f"2026-05-01T10:{minute}:00+00:00"
        incident.put_item(
            Item={"pk": "prod", "sk": f"event#{at}", "at": at, "what": what, "text": text}
        )


@pytest.mark.usefixtures("ledger")
def test_status_of_nothing_says_so(lamplighter: Run) -> None:
    assert lamplighter("status").stdout == "no deployments\n"
    assert json.loads(lamplighter("--json", "status").stdout) == NOTHING


def test_status_leaves_out_what_was_torn_down_unless_it_is_asked_for(
    lamplighter: Run, ledger: Table
) -> None:
    ledger.put_item(Item={"pk": "old", "sk": "deployment", "status": "absent"})

    assert lamplighter("status").stdout == "no deployments (1 torn down: --all shows them)\n"
    assert json.loads(lamplighter("--json", "status").stdout) == NOTHING
    assert "old   absent" in lamplighter("status", "--all").stdout
    shown = json.loads(lamplighter("--json", "status", "--all").stdout)
    assert [one["name"] for one in shown["deployments"]] == ["old"]


def test_status_shows_every_deployment_in_a_line(lamplighter: Run, serving: Table) -> None:
    serving.put_item(
        Item={"pk": "beta", "sk": "deployment", "status": "provisioning", "phase": "loading",
              "phase_percent": 40, "updated_at": "2026-05-01T13:00:00+00:00"}
    )  # fmt: skip

    lines = [line.split() for line in lamplighter("status").stdout.splitlines()]

    assert lines[0] == ["NAME", "STATUS", "PHASE", "ENDPOINT", "INSTANCE", "THIS", "MONTH", "SINCE"]
    assert lines[1] == ["beta", "provisioning", "loading", "40", "%", "2026-05-01", "13:00:00Z"]
    assert lines[2] == [
        "prod", "serving", "https://infer.example.com", "i-2", "2026-05-01", "12:00:00Z",
    ]  # fmt: skip


@pytest.mark.usefixtures("incident")
def test_status_of_one_tells_its_last_incidents(lamplighter: Run) -> None:
    out = lamplighter("status", "prod").stdout

    assert "generation  2" in out
    assert "180 s" in out
    assert "EC2 Instance State-change Notification: terminated" in out


def test_the_newest_repair_is_shown_first_even_if_its_loss_was_noticed_earlier(
    lamplighter: Run, incident: Table
) -> None:
    noticed, began = "2026-05-01T10:59:59.000Z", "2026-05-01T11:05:00+00:00"
    incident.put_item(
        Item={"pk": "prod", "sk": f"incident#{noticed}#repair-prod-2", "opened_at": noticed,
              "began_at": began, "instance_id": "i-1", "outcome": "failed"}
    )  # fmt: skip

    lines = lamplighter("status", "prod").stdout.splitlines()

    assert [word for line in lines for word in ("failed", "repaired") if word in line.split()] == [
        "failed",
        "repaired",
    ]


def test_status_of_one_shows_what_its_host_warns_of(lamplighter: Run, serving: Table) -> None:
    serving.put_item(
        Item={"pk": "prod", "sk": "deployment", "status": "serving", "warnings": "disk\nzone"}
    )

    lines = lamplighter("status", "prod").stdout.splitlines()
    found = json.loads(lamplighter("--json", "status", "prod").stdout)

    at = next(number for number, line in enumerate(lines) if line.startswith("warnings"))
    assert [line.split()[-1] for line in lines[at : at + 2]] == ["disk", "zone"]
    assert found["warnings"] == ["disk", "zone"]


def test_status_names_the_hosts_of_an_older_release_and_what_brings_them_up(
    lamplighter: Run, serving: Table, workflows: Workflows
) -> None:
    workflows.stacks["lamplighter"] = {**OUTPUTS, "Release": "0.1.0"}
    for number, release in ((1, {}), (2, {"release": "0.1.0"})):
        host = {"generation": number, "role": "serving", "instance_id": f"i-{number}", **release}
        serving.put_item(Item={"pk": "prod", "sk": f"host#{number}", **host})

    [line] = [each for each in lamplighter("status", "prod").stdout.splitlines() if "older" in each]

    assert "i-1 (no release named): the installation is of 0.1.0" in line
    assert "`lamplighter rotate prod` brings them up" in line
    assert "i-2" not in line


@pytest.mark.usefixtures("ledger")
def test_a_command_of_another_release_says_so_and_goes_on(
    lamplighter: Run, workflows: Workflows
) -> None:
    workflows.stacks["lamplighter"] = {**OUTPUTS, "Release": "0.2.0"}

    said = lamplighter("status")

    sentence = " ".join(said.stderr.split())
    assert said.exit_code == 0
    assert "this command is of release 0.1.0, the installation 'lamplighter' of 0.2.0" in sentence


@pytest.fixture
def hosts(serving: Table) -> Table:
    """`prod` is being repaired: one host has ended, one serves, one is a candidate."""
    shown: list[dict[str, Any]] = [
        {"generation": 1, "role": "retired", "instance_id": "i-1", "phase": "serving"},
        {"generation": 2, "role": "serving", "instance_id": "i-2", "phase": "serving",
         "address": "203.0.113.7", "warnings": "disk"},
        {"generation": 3, "role": "candidate", "instance_id": "i-3", "phase": "loading",
         "percent": 40, "cause": "shard 2"},
    ]  # fmt: skip
    for host in shown:
        serving.put_item(Item={"pk": "prod", "sk": f"host#{host['generation']}", **host})
    serving.put_item(
        Item={"pk": "prod", "sk": "deployment", "version": 2, "status": "repairing",
              "desired": "present", "generation": 2, "latest_generation": 3}
    )  # fmt: skip
    return serving


@pytest.mark.usefixtures("hosts")
def test_during_a_repair_status_shows_what_serves_and_its_candidate(lamplighter: Run) -> None:
    lines = [line.split() for line in lamplighter("status", "prod").stdout.splitlines()]
    listed = lamplighter("status").stdout.splitlines()[1].split()

    assert ["instance", "i-2"] in lines
    assert ["warnings", "disk"] in lines
    assert ["2", "serving", "serving", "i-2", "203.0.113.7"] in lines
    assert ["3", "candidate", "loading", "40", "%:", "shard", "2", "i-3"] in lines
    assert not [line for line in lines if "i-1" in line]
    assert listed == ["prod", "repairing", "serving", "i-2"]


@pytest.mark.usefixtures("hosts")
def test_status_for_machines_has_every_host_beside_the_facts_of_the_current_one(
    lamplighter: Run,
) -> None:
    found = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert (found["instance_id"], found["phase"], found["phase_percent"]) == (
        "i-2",
        "serving",
        None,
    )
    assert (found["generation"], found["warnings"]) == (2, ["disk"])
    assert [(one["role"], one["instance_id"]) for one in found["hosts"]] == [
        ("retired", "i-1"),
        ("serving", "i-2"),
        ("candidate", "i-3"),
    ]
    assert found["hosts"][2]["percent"] == 40


def test_one_host_needs_no_list(lamplighter: Run, hosts: Table) -> None:
    hosts.delete_item(Key={"pk": "prod", "sk": "host#3"})

    assert "ROLE" not in lamplighter("status", "prod").stdout


def test_before_one_has_served_status_shows_the_candidate(lamplighter: Run, ledger: Table) -> None:
    row: dict[str, Any] = {"pk": "new", "sk": "deployment", "status": "provisioning"}
    ledger.put_item(Item={**row, "generation": 0, "latest_generation": 1})
    host: dict[str, Any] = {"pk": "new", "sk": "host#1", "generation": 1, "role": "candidate"}
    ledger.put_item(Item={**host, "instance_id": "i-1", "phase": "weights", "percent": 7})

    lines = [line.split() for line in lamplighter("status", "new").stdout.splitlines()]

    assert [line for line in lines if line[0] in {"phase", "instance", "generation"}] == [
        ["phase", "weights", "7", "%"],
        ["instance", "i-1"],
        ["generation", "1"],
    ]


def test_a_failure_that_left_the_endpoint_serving_is_a_note(
    lamplighter: Run, serving: Table
) -> None:
    row = {"pk": "prod", "sk": "deployment", "status": "serving", "reason": "HostSilent: no report"}
    serving.put_item(Item=row)

    lines = lamplighter("status", "prod").stdout.splitlines()

    assert [line.split(maxsplit=1) for line in lines if "HostSilent" in line] == [
        ["note", "the last workflow failed, what served goes on serving: HostSilent: no report"]
    ]
    assert json.loads(lamplighter("--json", "status", "prod").stdout)["reason"] == row["reason"]


@pytest.mark.parametrize(
    ("desired", "status", "shown"),
    [
        ("stopped", "stopped", "stopped"),
        ("asleep", "asleep", "asleep"),
        ("stopped", "serving", "serving, stopped desired"),
        ("hibernating", "freezing", "freezing, hibernating desired"),
        ("present", "freezing", "freezing"),
    ],
)
def test_status_shows_what_is_desired_where_that_differs(
    lamplighter: Run, ledger: Table, desired: str, status: str, shown: str
) -> None:
    row = {"pk": "prod", "sk": "deployment", "desired": desired, "status": status}
    ledger.put_item(Item=row)

    lines = lamplighter("status", "prod").stdout.splitlines()

    assert ["status", shown] in [line.split(maxsplit=1) for line in lines]


UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"sk": f"event#{AT}", "when": {"seconds": 7}}, "at is missing"),
    ({"sk": f"event#{AT}", "at": "noon", "what": "phase", "text": "t"}, "at is of another form"),
    ({"sk": f"event#{AT}", "at": "2026-05-01T13:00:00", "text": "t"}, "at is of another form"),
    ({"sk": f"incident#{AT}#x", "opened": {"seconds": 7}}, "opened_at is missing"),
    ({"sk": "host#4", "machine": "i-4"}, "generation is missing"),
    ({"sk": "host#4", "generation": 4, "phase": {"n": 1}}, "phase is of another form"),
    ({"sk": "moonbeam#1"}, "an unknown kind of row"),
    ({"sk": f"event#{AT}", "version": 99, "at": AT, "what": "phase", "text": "t"}, "version 99"),
]


@pytest.mark.parametrize(("row", "why"), UNREADABLE, ids=lambda each: str(each)[:30])
@pytest.mark.parametrize("command", ["status", "events"])
def test_a_row_that_cannot_be_read_is_named_and_hides_nothing(
    lamplighter: Run, hosts: Table, command: str, row: dict[str, Any], why: str
) -> None:
    before = lamplighter(command, "prod")
    hosts.put_item(Item={"pk": "prod", **row})

    result = lamplighter(command, "prod")
    found = json.loads(lamplighter("--json", command, "prod").stdout)

    assert set(before.stdout.splitlines()) <= set(result.stdout.splitlines())
    assert (before.stderr, result.stderr.count("\n")) == ("", 1)
    assert f"{row['sk']} ({why})" in result.stderr
    assert found["unreadable"] == [{"name": "prod", "row": row["sk"], "why": why}]


def test_many_such_rows_are_one_line(lamplighter: Run, serving: Table) -> None:
    for number in range(5):
        serving.put_item(Item={"pk": "prod", "sk": f"moonbeam#{number}"})

    said = lamplighter("status").stderr

    assert said.count("\n") == 1
    assert "moonbeam#2 (an unknown kind of row), 2 more;" in said


def test_what_can_be_read_of_a_deployment_of_a_later_version_is_shown(
    lamplighter: Run, serving: Table
) -> None:
    row = {"pk": "prod", "sk": "deployment", "version": 99, "status": "serving"}
    serving.put_item(Item={**row, "generation": "third", "endpoint": "https://infer.example.com"})

    result = lamplighter("status", "prod")

    assert "https://infer.example.com" in result.stdout
    assert "deployment (version 99, generation is of another form)" in result.stderr


@pytest.mark.usefixtures("incident")
def test_status_for_machines_has_numbers_as_numbers(lamplighter: Run) -> None:
    found = json.loads(lamplighter("--json", "status", "prod").stdout)

    assert (found["generation"], found["status"]) == (2, "serving")
    assert found["here"] == "https://infer.example.com"
    assert [one["seconds"] for one in found["incidents"]] == [180]


def test_foreign_text_cannot_reach_the_terminal_as_a_command(
    lamplighter: Run, serving: Table
) -> None:
    serving.put_item(
        Item={"pk": "prod", "sk": "deployment", "status": "failed", "reason": "\x1b[2Jowned [red]"}
    )

    out = lamplighter("status", "prod").stdout

    assert "\x1b" not in out
    assert "[2Jowned [red]" in out


@pytest.mark.usefixtures("history")
def test_events_are_shown_oldest_first_with_both_ends_of_an_incident(lamplighter: Run) -> None:
    lines = lamplighter("events", "prod").stdout.splitlines()

    assert [line.split(maxsplit=2)[2] for line in lines] == [
        "provision  started",
        "phase      serving",
        "incident   opened: EC2 Instance State-change Notification: terminated  i-1",
        "incident   closed: repaired in 180 s, replaced by i-2  i-1",
    ]


def test_times_sort_as_times_however_they_are_written(lamplighter: Run, serving: Table) -> None:
    for at in ("2026-05-01T10:00:00.500Z", "2026-05-01T10:00:00.500123+00:00"):
        serving.put_item(
            Item={"pk": "prod", "sk": f"event#{at}", "at": at, "what": "phase", "text": at}
        )

    found = json.loads(lamplighter("--json", "events", "prod").stdout)

    assert [one["text"][-4:] for one in found["events"]] == ["500Z", "0:00"]


@pytest.mark.usefixtures("history")
def test_events_for_machines_are_one_document(lamplighter: Run) -> None:
    found = json.loads(lamplighter("--json", "events", "prod").stdout)

    assert [one["what"] for one in found["events"]] == ["provision", "phase"] + ["incident"] * 2


@pytest.mark.usefixtures("history")
def test_follow_tells_each_entry_once_until_ctrl_c(
    lamplighter: Run, serving: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[int] = []

    def nap(_seconds: float) -> None:
        naps.append(1)
        if len(naps) == 3:
            raise KeyboardInterrupt
        at = f"2026-05-01T12:0{len(naps)}:00+00:00"
        serving.put_item(
            Item={"pk": "prod", "sk": f"event#{at}", "at": at, "what": "repair", "text": "went on"}
        )

    monkeypatch.setattr("lamplighter.commands.events.time.sleep", nap)

    result = lamplighter("events", "prod", "--follow")

    assert result.exit_code == 130
    assert len(result.stdout.splitlines()) == 6
    assert result.stdout.count("went on") == 2


def test_a_long_ledger_is_read_to_its_last_page(lamplighter: Run, serving: Table) -> None:
    with serving.batch_writer() as batch:
        for second in range(100):
            at = f"2026-05-01T10:00:00.{second:06}+00:00"
            batch.put_item(
                Item={"pk": "prod", "sk": f"event#{at}", "at": at, "what": "phase",
                      "text": f"{second} " + "x" * 20_000}
            )  # fmt: skip

    found = json.loads(lamplighter("--json", "events", "prod").stdout)

    assert len(found["events"]) == 100
