"""What each notice says, from the ledger's rows: what, since when, what is done, the command."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from orchestrator.ledger.rows import CapacityRow, DeploymentRow, HostRow, IncidentRow, Status
from orchestrator.notices import texts
from orchestrator.notices.notice import MOST_SUBJECT, Earlier, Kind
from steps import ROOT, _settings

SETTINGS = _settings(ROOT, "lamplighter")
OPENED = "2026-11-28T03:12:40.000000+00:00"
PLACE = "--region us-east-1"
ROW = DeploymentRow(
    status=Status.FAILED, endpoint="https://a.example.com", reason="HostFailed: xid"
)
INCIDENT = IncidentRow(
    opened_at=OPENED,
    detected_at="2026-11-28T03:12:35+00:00",
    execution="arn:aws:states:us-east-1:123456789012:execution:lamplighter-repair:r-1",
    cause="the engine does not answer",
    rungs='[{"rung": "restart"}, {"rung": "reboot"}]',
    instance_id="i-1",
    replaced_by="i-2",
    seconds=400,
    unserved_seconds=362.4,
    failed_requests=3,
    evidence="diagnostics/r-1.json",
)
NOW = datetime(2026, 11, 28, 3, 22, 41, tzinfo=UTC)
WAITING = CapacityRow(
    generation=3, since=OPENED, until="2026-11-28T09:12:40+00:00", execution="arn:x:r-1"
)
HOST = HostRow(generation=3, cause="g6.xlarge in us-east-1a, b; asked 4 times")


def of_incident(build, row=ROW, incident=INCIDENT):
    return build(SETTINGS, "prod", row, incident)


def waiting(capacity=WAITING, host=HOST, now=NOW):
    return texts.waiting_for_capacity(SETTINGS, "prod", capacity, host, now)


def spent(usd):
    return texts.budget(SETTINGS, "prod", NOW, usd, 100.0)


@pytest.mark.parametrize(
    ("notice", "kind", "subject", "says", "commands"),
    [
        (
            of_incident(texts.repaired),
            Kind.REPAIRED,
            "Lamplighter: prod serves again after 6 min 2 s",
            [
                "https://a.example.com had stopped serving: the engine does not answer",
                "It runs on i-2, in the place of i-1",
                "it did not answer for 6 min 2 s",
                "3 requests failed up to the host's last report",
                "Repaired by: restart, reboot",
            ],
            ["status prod"],
        ),
        (
            of_incident(texts.repair_failed),
            Kind.REPAIR_FAILED,
            "Lamplighter: prod: the repair failed, it is down",
            ["The repair failed: HostFailed: xid", "It does not serve", "tries again"],
            ["status prod", "repair prod"],
        ),
        (
            of_incident(texts.repair_failed, row=replace(ROW, status=Status.SERVING)),
            Kind.REPAIR_FAILED,
            "Lamplighter: prod: the repair failed, it still serves",
            ["It answers nevertheless"],
            ["status prod", "repair prod"],
        ),
        (
            of_incident(texts.explained),
            Kind.EXPLAINED,
            "Lamplighter: prod is down, and no repair helps",
            [
                "does not serve: HostFailed: xid",
                "Tried: restart, reboot",
                "Evidence in the deployment's bucket: diagnostics/r-1.json",
                "has stopped repairing",
                f"lamplighter down prod {PLACE}",
            ],
            ["status prod", "repair prod --force"],
        ),
        (
            waiting(),
            Kind.WAITING_FOR_CAPACITY,
            "Lamplighter: prod waits for capacity at AWS",
            ["g6.xlarge in us-east-1a, b; asked 4 times", "until 2026-11-28 09:12:40 UTC"],
            ["status prod"],
        ),
        (
            spent(80),
            Kind.BUDGET_80,
            "Lamplighter: prod has spent 80% of its budget for November",
            ["has cost $80.00 this month", "budget.monthly_usd is $100.00"],
            ["status prod", "down prod"],
        ),
        (
            spent(100),
            Kind.BUDGET_100,
            "Lamplighter: prod has spent 100% of its budget for November",
            ["It goes on serving and costing"],
            ["status prod", "down prod"],
        ),
        (
            texts.expiry(SETTINGS, "prod", OPENED, is_over=False),
            Kind.EXPIRES,
            "Lamplighter: prod expires within a day",
            ["will be torn down for good, with its keys", "give expires_after a longer time"],
            ["status prod"],
        ),
        (
            texts.expiry(SETTINGS, "prod", OPENED, is_over=True),
            Kind.EXPIRED,
            "Lamplighter: prod has expired: it is torn down",
            ["is torn down for good: its expires_after ends at 2026-11-28 "],
            ["status prod"],
        ),
        (
            texts.certificate(SETTINGS, "prod", ROW, "certificate expires in 5 days", OPENED),
            Kind.CERTIFICATE,
            "Lamplighter: prod: its certificate needs attention",
            ["The host behind https://a.example.com reports: certificate expires in 5 days"],
            ["status prod", "repair prod --force"],
        ),
        (
            texts.test(SETTINGS, OPENED),
            Kind.TEST,
            "Lamplighter: a test notice",
            ["notices of the installation lamplighter, account 123456789012, region us-east-1"],
            ["status"],
        ),
    ],
    ids=lambda each: each.value if isinstance(each, Kind) else "",
)
def test_a_notice_says_what_since_when_what_is_done_and_the_command(
    notice, kind, subject, says, commands
):
    body = notice.body()

    assert (notice.kind, notice.subject) == (kind, subject)
    assert notice.commands == tuple(f"lamplighter {words} {PLACE}" for words in commands)
    assert [each for each in (*says, *notice.commands) if each not in body] == []
    assert [line.split(":")[0] for line in body.splitlines() if line[0] != " "] == [
        *("What", "Since", "Now", "Run", "About")
    ]


def test_every_kind_has_a_text_here():
    mark = test_a_notice_says_what_since_when_what_is_done_and_the_command.pytestmark[0]

    assert {case[1] for case in mark.args[1]} == set(Kind)


def test_the_notices_of_one_incident_share_its_key():
    found = {
        of_incident(build).key for build in (texts.repaired, texts.repair_failed, texts.explained)
    }

    assert found == {f"{OPENED}#r-1"}


def test_since_is_when_it_was_noticed_in_utc():
    late = replace(INCIDENT, detected_at="2026-11-28T05:12:35+02:00")

    assert "Since:  2026-11-28 03:12:35 UTC\n" in of_incident(texts.repaired, incident=late).body()


def test_an_incident_of_which_little_is_known_has_a_notice_too():
    bare = IncidentRow(opened_at=OPENED, trigger="EC2: stopped", rungs="{broken")

    for build in (texts.repaired, texts.repair_failed, texts.explained):
        body = build(SETTINGS, "prod", DeploymentRow(), bare).body()
        assert "prod" in body
        assert "None" not in body


@pytest.mark.parametrize(
    "capacity",
    [
        CapacityRow(),
        replace(WAITING, since=(NOW - timedelta(minutes=9, seconds=59)).isoformat()),
    ],
    ids=["no wait", "nine minutes"],
)
def test_a_short_wait_for_capacity_is_no_news(capacity):
    assert waiting(capacity) is None


def test_each_search_for_capacity_has_a_notice_of_its_own():
    assert waiting().key != waiting(replace(WAITING, generation=4)).key


def test_a_budget_that_stops_says_how_it_is_started_again():
    notice = texts.budget(SETTINGS, "prod", NOW, 100.0, 100.0, stops=True)

    assert "It is being stopped, as budget.at_limit asks for" in notice.action
    assert notice.commands[-1].startswith("lamplighter start prod")


@pytest.mark.parametrize(("usd", "expected"), [(0, None), (79.9, None), (80, "2026-11/100")])
def test_a_budget_warns_once_a_month(usd, expected):
    notice = spent(usd)

    assert (notice.key if notice else None) == expected


def test_a_command_names_the_installation_where_it_is_not_the_commands_default():
    notice = texts.test(replace(SETTINGS, installation="eu-llm"), OPENED)

    assert notice.commands == ("lamplighter status --region us-east-1 --stack eu-llm",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x" * 200, f"Lamplighter: {'x' * 83}..."),
        ("größe\nBcc: a@b", "Lamplighter: gr??e Bcc: a@b is down, and no repair helps"),
        ("a\x07\t b", "Lamplighter: a? b is down, and no repair helps"),
    ],
)
def test_a_subject_is_what_sns_and_mail_take(name, expected):
    subject = texts.explained(SETTINGS, name, ROW, INCIDENT).subject

    assert subject == expected
    assert len(subject) <= MOST_SUBJECT
    assert subject.isascii()
    assert subject.isprintable()


def test_a_secret_in_a_reason_is_masked_and_a_long_one_is_cut():
    row = replace(ROW, reason=f"the token hf_abcdefghijklmnop is wrong {'and ' * 1000}")

    body = texts.explained(SETTINGS, "prod", row, INCIDENT).body()

    assert "hf_***" in body
    assert "abcdefgh" not in body
    assert len(body) < 3000


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (None, None),
        (Earlier(OPENED, 0), None),
        (Earlier(OPENED, 1), "it happened once more in the hour after the last notice, 2026-11-28"),
        (Earlier(OPENED, 4), "it happened 4 more times in the hour after the last notice"),
    ],
)
def test_what_the_last_notice_stands_for_is_mentioned(earlier, expected):
    body = of_incident(texts.repaired).body(earlier)

    assert ("Also:" in body) == (expected is not None)
    assert expected is None or expected in body


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59, "59 s"), (362.4, "6 min 2 s"), (11400, "3 h 10 min")],
)
def test_a_duration_is_in_words(seconds, expected):
    assert texts.duration(seconds) == expected
