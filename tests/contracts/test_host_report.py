"""A host's report means the same to whoever sends it and to the orchestrator."""

from __future__ import annotations

import json
from typing import Any

from contracts.documents import document
from host.agent.activity import Activity
from host.agent.phases import State
from host.agent.reporter import Reporter
from host_scripts.agent.wired import settings_with
from host_scripts.sandbox import Host
from orchestrator.hosts.reports import PHASES, SHARED_SOURCE, Report
from template_files import rules

GOLDEN = document("host_report")
WHOLE: dict[str, Any] = GOLDEN["whole"]
SENT_AT = 1_795_817_600.25  # sent_at of the golden reports, in seconds since the epoch
BUS = "lamplighter"


class Bus:
    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.entries += Entries
        return {"FailedEntryCount": 0}


def reported(state: State, *warnings: str) -> dict[str, Any]:
    """Return what the agent puts on the bus."""
    bus = Bus()
    counted = [WHOLE[name] for name in Activity.__dataclass_fields__ if name in WHOLE]
    reporter = Reporter(
        bus,
        settings_with(event_bus=BUS),
        WHOLE["instance_id"],
        lambda: SENT_AT,
        lambda: Activity(*counted),
    )
    reporter.send(state, warnings, 0.0)
    [entry] = bus.entries
    return opened(entry)


def opened(entry: dict[str, str]) -> dict[str, Any]:
    """Return a bus entry with its detail parsed."""
    return {**entry, "Detail": json.loads(entry["Detail"])}


def envelope(detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "EventBusName": BUS,
        "Source": GOLDEN["source"],
        "DetailType": GOLDEN["detail_type"],
        "Detail": detail,
    }


def test_the_agent_of_a_serving_host_sends_the_golden_report() -> None:
    assert reported(State("serving"), *WHOLE["warnings"]) == envelope(WHOLE)


def test_a_host_that_drains_goes_on_reporting_what_its_gateway_counts() -> None:
    assert reported(State("serving", drain="draining")) == envelope(GOLDEN["draining"])


def test_a_host_that_gives_up_says_what_has_to_change() -> None:
    lost = GOLDEN["gave_up"]

    assert reported(State("failed", cause=lost["cause"], blame="hardware")) == envelope(lost)


def test_before_the_gateway_runs_the_agent_leaves_out_what_it_counts() -> None:
    before = GOLDEN["before_the_gateway"]

    assert reported(State("images", 50, before["cause"])) == envelope(before)


def test_what_is_not_known_is_left_out() -> None:
    assert Activity(0, 0, None).fields() == {"requests_total": 0, "request_errors_total": 0}


def test_user_data_sends_the_golden_report_when_there_is_no_agent_yet(blank_host: Host) -> None:
    blank_host.answer("cloud-init", f"echo {WHOLE['instance_id']}")
    user_data = blank_host.publish()
    (blank_host.published / "lib.sh").write_text("changed\n")
    (blank_host.root / "user-data").write_text(user_data)
    starter = blank_host.root / "boot.sh"
    starter.write_text(f"exec python3 {blank_host.root}/user-data\n")

    blank_host.run(starter)

    [sent] = (blank_host.aws / "events").read_text().splitlines()
    assert opened(json.loads(sent)) == envelope(GOLDEN["before_the_agent"])


def test_the_rule_takes_what_is_sent(template: dict[str, Any]) -> None:
    pattern = rules(template)["HostReportFunctionReport"]["Pattern"]

    assert pattern["detail-type"] == [GOLDEN["detail_type"]]
    assert pattern["source"] == [{"prefix": "lamplighter.host."}, SHARED_SOURCE]
    assert GOLDEN["source"].startswith("lamplighter.host.")


def test_the_orchestrator_reads_each_golden_report() -> None:
    whole, draining, lost, early, failed = (
        Report.parse({"source": GOLDEN["source"], "detail": GOLDEN[name]})
        for name in ("whole", "draining", "gave_up", "before_the_gateway", "before_the_agent")
    )

    assert whole == Report(
        "demo", WHOLE["instance_id"], "serving", None, None,
        "2026-11-27T22:13:20.250000+00:00", tuple(WHOLE["warnings"]),
        requests=WHOLE["requests_total"], errors=WHOLE["request_errors_total"], report_seconds=30,
        running=WHOLE["requests_running"], last_request_at="2026-11-27T22:13:19.000000+00:00",
        release=WHOLE["release"],
    )  # fmt: skip
    assert (lost.phase, lost.blame, early.blame) == ("failed", "hardware", None)
    assert (early.phase, early.percent, early.cause) == ("images", 50, "the registry is slow")
    assert (
        failed.release,
        Report.parse({"source": GOLDEN["source"], "detail": {**WHOLE, "release": "<b>"}}).release,
    ) == (None, None)
    assert (failed.phase, failed.sent_at, failed.warnings) == ("failed", None, ())
    assert {whole.phase, draining.phase, early.phase, failed.phase} <= set(PHASES)
