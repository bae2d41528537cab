from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from contracts.documents import document
from contracts.test_ledger_rows import stored
from lamplighter.aws.account import Account
from orchestrator.aws import naming

if TYPE_CHECKING:
    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table

GOLDEN = document("ledger_rows")["incidents"][0]
STEPS = [
    {"rung": "reboot", "why": "no answer", "at": "2026-11-28T13:00:00+00:00",
     "ended_at": "2026-11-28T13:08:00+00:00", "outcome": "no answer"},
    {"rung": "replace", "why": "the GPU is lost", "at": "2026-11-28T13:08:00+00:00",
     "ended_at": "2026-11-28T14:00:00+00:00", "outcome": "failed"},
    {"rung": "explain", "why": "the model is too large", "error": "HostFailed: no",
     "at": "2026-11-28T14:00:00+00:00"},
]  # fmt: skip
FAILED = {
    "sk": "incident#2026-11-28T13:00:00.250Z#repair-demo-7",
    "opened_at": "2026-11-28T13:00:00.250Z",
    "began_at": "2026-11-28T13:00:01+00:00",
    "closed_at": "2026-11-28T14:00:00+00:00",
    "source": "reconciler",
    "trigger": "the endpoint does not answer",
    "cause": "the engine stopped",
    "rungs": json.dumps(STEPS),
    "execution": "arn:aws:states:us-east-1:123456789012:execution:repair:repair-demo-7",
    "instance_id": "i-2",
    "generation": 2,
    "outcome": "failed",
    "seconds": 3600,
}

FINISHED = (
    "nothing if it serves: the next repair finishes what this one left; "
    "`lamplighter repair prod` looks now"
)


@pytest.fixture
def incidents(serving: Table) -> Table:
    """`prod` had the golden incident, which was repaired, and then one that was not."""
    for row in (GOLDEN, FAILED):
        serving.put_item(Item=stored(row) | {"pk": "prod"})
    return serving


def add(table: Table, **facts: Any) -> None:
    table.put_item(Item=stored({**FAILED, **facts}) | {"pk": "prod"})


def label(out: str, name: str) -> str:
    """Return what stands beside a label."""
    [found] = [line[len(name) :].strip() for line in out.splitlines() if line.startswith(name)]
    return found


@pytest.mark.usefixtures("incidents")
def test_the_newest_incident_is_listed_first_with_what_it_cost(lamplighter: Run) -> None:
    head, newest, oldest = lamplighter("incidents", "prod").stdout.splitlines()

    assert head.split() == [
        *("INCIDENT", "SOURCE", "CAUSE", "RUNGS", "TOOK", "WITHOUT", "SERVICE", "FAILED"),
        *("REQUESTS", "COST", "OUTCOME"),
    ]
    assert newest.split("  ")[0] == "2026-11-28T13:00:00Z"
    assert "reboot, replace, explain  60 min" in newest
    assert newest.endswith("failed")
    assert oldest.split() == [
        *("2026-11-28T10:54:00Z", "ec2", "i-1", "is", "terminated:"),
        *("Server.SpotInstanceTermination", "replace", "362", "s", "361", "s", "4", "$0.11"),
        "repaired",
    ]


@pytest.mark.usefixtures("incidents")
@pytest.mark.parametrize(
    "named", ["last", "2026-11-28T13:00:00Z", "2026-11-28 13", "2026-11-28T13", "repair-demo-7"]
)
def test_one_incident_is_shown_in_full(lamplighter: Run, named: str) -> None:
    out = lamplighter("incidents", "prod", named).stdout

    assert label(out, "incident ") == "2026-11-28T13:00:00Z"
    assert label(out, "noticed by") == "reconciler"
    assert label(out, "instance") == "i-2, generation 2"
    assert label(out, "what to do") == (
        "remove the cause; then `lamplighter repair prod` tries again"
    )
    assert [line.split("  ")[0] for line in out.splitlines()[-3:]] == [
        "reboot",
        "replace",
        "explain",
    ]
    assert label(out, "reboot").split() == [
        *("2026-11-28", "13:00:00Z", "480", "s", "no", "answer", "no", "answer")
    ]
    assert "52 min" in label(out, "replace")
    assert label(out, "explain").endswith("the model is too large; HostFailed: no")
    assert "open" in label(out, "explain")
    assert "evidence" not in out


@pytest.mark.usefixtures("incidents")
def test_the_evidence_is_fetched_with_the_command_that_is_shown(lamplighter: Run) -> None:
    kept = "s3://lamplighter-prod-123456789012-us-east-1/evidence/2026-11-28T10:54:01/"

    out = lamplighter("--region", "us-east-1", "incidents", "prod", "2026-11-28T10").stdout

    assert label(out, "evidence") == kept
    assert f"`aws --region us-east-1 s3 cp --recursive {kept} evidence/`" in out
    assert label(out, "failed requests") == "4, up to the host's last report"
    assert label(out, "replaced by") == "i-2"
    assert label(out, "what to do") == "nothing"


def test_the_bucket_is_the_orchestrators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "_located", lambda _: ("eu-west-1", "123456789012"))

    found = Account.bucket(Account(None, None), "prod")  # type: ignore[arg-type]

    assert found == naming.bucket("prod", "123456789012", "eu-west-1")


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (None, "wait: the repair goes on; `lamplighter events prod --follow` shows it"),
        ("aborted", FINISHED),
        ("no-capacity", "nothing: it is tried again; `lamplighter repair prod` tries now"),
        ("unrepairable", "remove the cause; then `lamplighter repair prod` tries again"),
        ("given up", "remove the cause; then `lamplighter repair prod` tries again"),
    ],
)
def test_each_outcome_says_what_is_left_to_do(
    lamplighter: Run, incidents: Table, outcome: str | None, sentence: str
) -> None:
    add(incidents, outcome=outcome, closed_at=None)

    out = lamplighter("incidents", "prod", "last").stdout

    assert label(out, "what to do") == sentence
    assert label(out, "outcome") == (outcome or "open")


@pytest.mark.usefixtures("incidents")
def test_incidents_for_machines_have_their_rungs_as_objects(lamplighter: Run) -> None:
    listed = json.loads(lamplighter("--json", "incidents", "prod").stdout)
    one = json.loads(lamplighter("--json", "incidents", "prod", "2026-11-28T10").stdout)

    assert [each["id"] for each in listed["incidents"]] == [
        "2026-11-28T13:00:00Z",
        "2026-11-28T10:54:00Z",
    ]
    assert listed["unreadable"] == []
    assert [each["seconds"] for each in listed["incidents"][0]["rungs"]] == [480.0, 3120.0, None]
    uri = "s3://lamplighter-prod-123456789012-us-east-1/evidence/2026-11-28T10:54:01/"
    assert one == listed["incidents"][1] | {"evidence_uri": uri}
    assert (one["unserved_seconds"], one["failed_requests"], one["cost_usd"]) == (361, 4, 0.11)


@pytest.mark.usefixtures("incidents")
def test_an_unknown_incident_is_answered_with_the_newest(lamplighter: Run) -> None:
    result = lamplighter("incidents", "prod", "2019-01-01")

    assert result.exit_code == 3
    assert (
        "prod has no incident '2019-01-01' (the newest: 2026-11-28T13:00:00Z, 2026-11-28T10:54:00Z)"
    ) in result.stderr


@pytest.mark.usefixtures("serving")
@pytest.mark.parametrize("named", ["last", "2026"])
def test_without_an_incident_none_is_shown(lamplighter: Run, named: str) -> None:
    assert lamplighter("incidents", "prod").stdout == "prod has had no incident\n"
    result = lamplighter("incidents", "prod", named)

    assert result.exit_code == 3
    assert "(it has had none)" in result.stderr


def test_an_id_that_fits_several_names_them(lamplighter: Run, incidents: Table) -> None:
    add(
        incidents,
        sk="incident#2026-11-28T13:00:00.900Z#repair-demo-8",
        opened_at="2026-11-28T13:00:00.900Z",
        execution="arn:aws:states:us-east-1:123456789012:execution:repair:repair-demo-8",
    )

    by_day = lamplighter("incidents", "prod", "2026-11-28T1")
    by_second = lamplighter("incidents", "prod", "2026-11-28T13:00:00Z")

    assert by_day.exit_code == by_second.exit_code == 2
    assert "name one of: repair-demo-7, repair-demo-8" in by_second.stderr
    assert label(lamplighter("incidents", "prod", "repair-demo-8").stdout, "incident ") == (
        "2026-11-28T13:00:00Z"
    )


@pytest.mark.parametrize(
    "rungs", ["none", '{"rung": "reboot"}', "[7]", '[{"rung": 5, "at": "noon", "new": 1}]', "null"]
)
def test_rungs_of_another_form_hide_nothing_else(
    lamplighter: Run, incidents: Table, rungs: str
) -> None:
    add(incidents, rungs=rungs)

    for arguments in (["incidents", "prod"], ["incidents", "prod", "last"], ["status", "prod"]):
        result = lamplighter(*arguments)
        assert result.exit_code == 0, result.exception
        assert "the e" in result.stdout


def test_foreign_text_of_an_incident_cannot_reach_the_terminal(
    lamplighter: Run, incidents: Table
) -> None:
    steps = [{"rung": "reboot", "why": "\x1b[2Jowned"}]
    add(incidents, cause="\x1b[2Jowned", rungs=json.dumps(steps))

    for arguments in (["incidents", "prod"], ["incidents", "prod", "last"]):
        assert "\x1b" not in lamplighter(*arguments).stdout


@pytest.mark.usefixtures("incidents")
def test_status_of_one_shows_the_rungs_of_its_last_incidents(lamplighter: Run) -> None:
    lines = lamplighter("status", "prod").stdout.splitlines()

    [newest] = [line for line in lines if line.startswith("2026-11-28T13:00:00Z")]
    assert newest.split()[1:7] == ["failed", "60", "min", "reboot,", "replace,", "explain"]


def test_a_row_that_cannot_be_read_is_named(lamplighter: Run, incidents: Table) -> None:
    incidents.put_item(Item={"pk": "prod", "sk": "moonbeam#1"})

    result = lamplighter("incidents", "prod")

    assert "moonbeam#1 (an unknown kind of row)" in result.stderr
    assert len(result.stdout.splitlines()) == 3
