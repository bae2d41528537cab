"""Metrics are called alike by whoever sends, grants, documents and reads them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts import gateway
from contracts.documents import document
from host.agent import activity, metrics
from host.agent.certificate import Verdict
from host.machine.judgement import Facts
from host.probes import answers
from host_scripts.sandbox import ROOT, SETTINGS
from orchestrator import observability
from orchestrator.aws import naming
from orchestrator.ledger.rows import IncidentRow
from prometheus_client.parser import text_string_to_metric_families as families

GOLDEN = document("metric_names")
CLOUDWATCH, ORCHESTRATOR = GOLDEN["cloudwatch"], GOLDEN["orchestrator"]
INCIDENT = IncidentRow(
    opened_at="2026-11-28T12:00:05.200Z",
    detected_at="2026-11-28T12:00:00+00:00",
    closed_at="2026-11-28T12:01:30+00:00",
    outcome="repaired",
    unserved_seconds=80.0,
)
GPUS = {"wanted": 1, "here": 1, "in_container": 1, "memory_used": 1, "memory_size": 2}
FACTS = Facts({"/": (50, 100)}, (50, 100), GPUS | {"utilisation": 5}, {79: 1})
PROBE = f"{answers.PROBE}-0123456789abcdef"
ENDED = 1_790_000_000.0


class CloudWatch:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def put_metric_data(self, *, Namespace: str, MetricData: Any) -> None:  # noqa: N803
        self.calls.append((Namespace, MetricData))


def test_the_agent_sends_the_golden_metrics_with_their_units() -> None:
    cloudwatch = CloudWatch()
    values = metrics.measured(
        serves=True, repairs=0, facts=FACTS, certificate=Verdict(None, ENDED), wall=0.0
    )
    sender = metrics.Metrics(cloudwatch, SETTINGS["metrics_namespace"], "demo")

    sender.send(lambda: values, 0.0)

    [(namespace, data)] = cloudwatch.calls
    assert namespace == CLOUDWATCH["namespace"]
    assert {each["MetricName"]: each["Unit"] for each in data} == CLOUDWATCH["metrics"]
    assert {each["Dimensions"][0]["Name"] for each in data} == {CLOUDWATCH["dimension"]}


def test_the_orchestrator_names_the_golden_namespace() -> None:
    assert naming.metrics_namespace("demo") == CLOUDWATCH["namespace"]


def test_every_metric_that_the_orchestrator_counts_is_golden() -> None:
    assert set(counted()) == set(ORCHESTRATOR["of_installation"]["metrics"])


def counted() -> Iterator[str]:
    """Yield what each call of `count` names, both names where it chooses one."""
    for path in (ROOT / "functions/orchestrator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "count":
                parts = [node.args[0], *ast.iter_child_nodes(node.args[0])]
                yield from (str(e.value) for e in parts if isinstance(e, ast.Constant))


def test_a_count_is_of_the_installation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INSTALLATION", "lamplighter")

    observability.count("WorkflowFailed")

    described, line = written(capsys)
    assert described["Namespace"] == ORCHESTRATOR["namespace"]
    assert described["Dimensions"] == [ORCHESTRATOR["of_installation"]["dimensions"]]
    assert described["Metrics"] == [{"Name": "WorkflowFailed", "Unit": "Count"}]
    assert (line["Installation"], line["WorkflowFailed"]) == ("lamplighter", 1.0)


def test_an_incident_writes_the_golden_metrics_of_its_deployment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    golden = ORCHESTRATOR["of_deployment"]
    observability.record_incident("demo", INCIDENT)
    described, line = written(capsys)
    observability.record_incident("demo", replace(INCIDENT, outcome="failed"))
    not_repaired, _ = written(capsys)

    assert described["Dimensions"] == [golden["dimensions"]]
    assert line["Deployment"] == "demo"
    units = {each["Name"]: each["Unit"] for each in described["Metrics"]}
    failed = {each["Name"]: each["Unit"] for each in not_repaired["Metrics"]}
    assert units | failed == golden["metrics"]


def test_each_metric_of_an_incident_says_what_it_is_called_after(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observability.record_incident("demo", INCIDENT)

    _, line = written(capsys)
    assert line["TimeToDetection"] == 5.2
    assert line["TimeToRepair"] == 90.0
    assert line["SecondsUnserved"] == 80.0
    assert line["Incidents"] == 1.0


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"outcome": "failed"}, "TimeToRepair"),
        ({"unserved_seconds": None}, "SecondsUnserved"),
        ({"opened_at": ""}, "TimeToDetection"),
    ],
    ids=["not repaired", "no probe looked", "of an earlier version"],
)
def test_what_is_not_known_is_left_out(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], missing: str
) -> None:
    observability.record_incident("demo", replace(INCIDENT, **change))

    described, line = written(capsys)
    assert missing not in line
    assert missing not in {each["Name"] for each in described["Metrics"]}


def test_clocks_that_differ_make_no_negative_time(capsys: pytest.CaptureFixture[str]) -> None:
    observability.record_incident("demo", replace(INCIDENT, opened_at="2026-11-28T11:59:59Z"))

    _, line = written(capsys)
    assert line["TimeToDetection"] == 0.0


def test_an_incident_that_is_open_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    observability.record_incident("demo", replace(INCIDENT, closed_at=None))

    assert capsys.readouterr().out == ""


def written(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how the one line that was written describes its metrics, and the line."""
    line = json.loads(capsys.readouterr().out)
    [described] = line["_aws"]["CloudWatchMetrics"]
    return described, line


DOCUMENTED = [
    *CLOUDWATCH["metrics"],
    *ORCHESTRATOR["of_installation"]["metrics"],
    *ORCHESTRATOR["of_deployment"]["metrics"],
]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_metric_is_documented(name: str) -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]

    assert any(f"`{name}`" in path.read_text() for path in documents)


@pytest.fixture
async def page(tmp_path: Path) -> str:
    """Return /metrics after four requests of callers, two failed by us, and a later probe."""
    return await gateway.metrics_page(
        tmp_path,
        [
            {"began": ENDED - 20, "fallback": True},
            {"status": 499, "began": ENDED - 10, "retried": True, "failover": "503"},
            {"error": "engine_gone", "began": ENDED - 5},
            {"status": 503, "error": "overloaded", "seconds": 0.0, "began": ENDED},
            {"operation": "models", "backend": None, "began": ENDED + 50},
            {"request_id": PROBE, "began": ENDED + 100},
        ],
    )


async def test_the_gateway_shows_the_golden_families_with_their_labels(page: str) -> None:
    shown = {
        family.name: set().union(*(sample.labels for sample in family.samples)) - {"le"}
        for family in families(page)
        if family.name.startswith("inference_gateway_")
    }

    assert shown == {name: set(labels) for name, labels in GOLDEN["gateway"].items()}


async def test_a_probe_is_counted_as_one(page: str) -> None:
    counted = re.findall(
        r'^inference_gateway_requests_total\{.*operation="(\w+)"', page, re.MULTILINE
    )

    assert GOLDEN["probe"]["request_id"] == answers.PROBE
    assert GOLDEN["probe"]["operation"] in counted


async def test_the_agent_reads_the_callers_requests_out_of_the_gateways_page(page: str) -> None:
    assert activity.parse(page) == activity.Activity(4, 2, "2026-09-21T14:13:20Z", 0)


@pytest.mark.parametrize(
    ("ended", "errors"),
    [
        ({"status": 400}, 0),
        ({"status": 401, "error": "invalid_api_key"}, 0),
        ({"status": 404, "error": "model_not_found"}, 0),
        ({"status": 408, "error": "request_timeout"}, 0),
        ({"status": 429, "error": "rate_limit_exceeded"}, 0),
        ({"status": 499}, 0),
        ({"status": 503, "error": "host_draining"}, 0),
        ({"status": 500}, 1),
        ({"status": 502, "error": "backend_lost"}, 1),
        ({"status": 504, "error": "timeout"}, 1),
        ({"status": 200, "error": "stream_incomplete"}, 1),
        ({"status": 200, "error": "backend_error"}, 1),
    ],
)
async def test_the_agent_counts_the_hosts_failures_and_no_mistakes_of_clients(
    tmp_path: Path, ended: dict[str, Any], errors: int
) -> None:
    found = activity.parse(await gateway.metrics_page(tmp_path, [ended, {}]))

    assert found is not None
    assert (found.requests_total, found.request_errors_total) == (2, errors)


async def test_a_gateway_that_was_asked_nothing_yet_has_no_last_request(tmp_path: Path) -> None:
    page = await gateway.metrics_page(tmp_path, [])

    assert activity.parse(page) == activity.Activity(0, 0, None, 0)


def test_a_page_that_is_not_the_gateways_says_nothing() -> None:
    assert activity.parse("<html>") is None
