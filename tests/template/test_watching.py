"""The account's alarms, and the saved queries over the functions' log."""

from __future__ import annotations

import json
import re
from io import StringIO
from types import SimpleNamespace

import pytest
from contracts.documents import document
from orchestrator import observability
from orchestrator.ledger.rows import IncidentRow
from orchestrator.observability import logger
from orchestrator.step import logged

COUNTS = document("metric_names")["orchestrator"]["of_installation"]
# What Lambda writes when a function raises, and Logs Insights gives to every line.
# https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
OF_LAMBDA = {"errorType", "errorMessage", "@timestamp"}
WORDS = {
    *("fields", "filter", "stats", "sort", "limit", "by", "as", "and", "not", "in", "desc"),
    *("count", "latest", "earliest", "ispresent"),
}
EVENT = {"name": "demo", "verb": "ensure", "execution": "arn"}
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="1"
)


def of_type(template, kind):
    found = template["Resources"].items()
    return {name: r["Properties"] for name, r in found if r["Type"] == f"AWS::{kind}"}


@pytest.fixture
def written(capsys, monkeypatch):
    """Every field of what the functions log."""
    log = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    observability.record_incident(
        "demo",
        IncidentRow(
            opened_at="2026-11-28T12:00:05Z",
            detected_at="2026-11-28T12:00:00Z",
            closed_at="2026-11-28T12:01:00Z",
            outcome="repaired",
            unserved_seconds=1.0,
        ),
    )
    observability.record_incident("demo", IncidentRow(closed_at="2026-11-28T12:01:00Z"))
    logged(lambda *_: logger.warning("host report ignored", reason="x"))(EVENT, CONTEXT)
    lines = map(json.loads, [*capsys.readouterr().out.splitlines(), *log.getvalue().splitlines()])
    return set().union(*lines)


def test_a_saved_query_asks_only_for_fields_that_are_logged(template, written):
    queries = of_type(template, "Logs::QueryDefinition")

    assert len(queries) == 5
    for name, query in queries.items():
        bare = re.sub(r'"[^"]*"', "", query["QueryString"])
        made = set(re.findall(r"as (\w+)", bare))
        named = set(re.findall(r"@?\b[A-Za-z_]\w*", bare)) - WORDS - made
        assert named <= written | OF_LAMBDA, name


def test_a_saved_query_searches_the_functions_log_under_the_installations_name(template):
    for query in of_type(template, "Logs::QueryDefinition").values():
        assert query["LogGroupNames"] == [{"!Ref": "StepLogs"}]
        assert query["Name"]["!Sub"].startswith("${AWS::StackName}/")


def test_every_alarm_notifies_the_topic_and_takes_silence_for_calm(template):
    topic = [{"!Ref": "Notices"}]
    alarms = of_type(template, "CloudWatch::Alarm")

    assert {"DeadLettersAlarm", "WorkflowFailedAlarm", "HostReportIgnoredAlarm"} <= set(alarms)
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == topic, name
        assert alarm["TreatMissingData"] == "notBreaching", name


def test_an_alarm_on_a_count_of_ours_watches_one_that_is_written(template):
    alarms = of_type(template, "CloudWatch::Alarm").values()
    ours = [each for each in alarms if each["Namespace"] == "Lamplighter"]

    assert ours
    for alarm in ours:
        assert alarm["MetricName"] in COUNTS["metrics"]
        assert alarm["Dimensions"] == [
            {"Name": "Installation", "Value": {"!Ref": "AWS::StackName"}}
        ]


def test_every_function_that_an_event_starts_has_an_alarm_on_its_errors(template):
    functions = of_type(template, "Serverless::Function")
    started = {name for name, properties in functions.items() if "Events" in properties}
    errors = [
        a for a in of_type(template, "CloudWatch::Alarm").values() if a["MetricName"] == "Errors"
    ]

    watched = {alarm["Dimensions"][0]["Value"]["!Ref"] for alarm in errors}

    assert watched == started


def test_a_dashboards_name_has_the_region_because_dashboards_have_none(template):
    [dashboard] = of_type(template, "CloudWatch::Dashboard").values()

    assert dashboard["DashboardName"] == {"!Sub": "${AWS::StackName}-${AWS::Region}"}
    json.loads(dashboard["DashboardBody"]["!Sub"])
