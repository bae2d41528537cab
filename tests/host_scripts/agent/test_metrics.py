"""What CloudWatch hears of a host, how often, and what its silence does."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from host.agent.certificate import Verdict, load
from host.agent.metrics import Metrics, measured
from host.machine.judgement import Facts

GPUS: dict[str, int | None] = {
    "wanted": 2,
    "here": 1,
    "in_container": 1,
    "memory_used": 500,
    "memory_size": 2000,
    "utilisation": 60,
}
FACTS = Facts(disks={"/": (25, 100), "/data": (60, 100)}, memory=(4, 16), gpus=GPUS, xids={31: 3})


class CloudWatch:
    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.sent: list[dict[str, Any]] = []

    def put_metric_data(self, **given: Any) -> None:
        if self.problem:
            raise self.problem
        self.sent.append(given)


def values(facts: Facts | None = None, certificate: Verdict = Verdict()) -> dict[str, float]:  # noqa: B008
    return measured(serves=True, repairs=1, facts=facts, certificate=certificate, wall=0.0)


def test_the_heart_beats_once_a_minute() -> None:
    cloudwatch = CloudWatch()
    metrics = Metrics(cloudwatch, "Lamplighter", "demo")

    for now in (0.0, 5.0, 59.0, 60.0, 61.0):
        metrics.send(values, now)

    assert len(cloudwatch.sent) == 2
    assert cloudwatch.sent[0]["Namespace"] == "Lamplighter"
    assert cloudwatch.sent[0]["MetricData"][0] == {
        "MetricName": "Heartbeat",
        "Dimensions": [{"Name": "Deployment", "Value": "demo"}],
        "Value": 1.0,
        "Unit": "Count",
    }


def test_a_host_without_facts_beats_all_the_same() -> None:
    assert values() == {"Heartbeat": 1.0, "Serving": 1.0, "LocalRepairs": 1.0}


def test_the_machine_and_its_gpus_are_measured() -> None:
    assert values(FACTS, Verdict(ends=20 * 86_400.0)) == {
        "Heartbeat": 1.0,
        "Serving": 1.0,
        "LocalRepairs": 1.0,
        "CertificateDaysLeft": 20.0,
        "DiskUsed": 75.0,
        "MemoryUsed": 75.0,
        "GpusMissing": 1.0,
        "GpuXids": 3.0,
        "GpuMemoryUsed": 25.0,
        "GpuUtilization": 60.0,
    }


def test_what_a_gpu_does_not_tell_is_left_out() -> None:
    silent = GPUS | {"memory_used": None, "memory_size": None, "utilisation": None}

    names = values(Facts(disks={}, memory=(1, 2), gpus=silent)).keys()

    assert not {"GpuMemoryUsed", "GpuUtilization"} & names


@pytest.mark.parametrize(
    "problem",
    [
        EndpointConnectionError(endpoint_url="https://monitoring"),
        ClientError({"Error": {"Code": "AccessDenied"}}, "PutMetricData"),
    ],
)
def test_a_cloudwatch_that_is_away_is_said_once_and_tried_every_minute(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    cloudwatch = CloudWatch()
    cloudwatch.problem = problem
    metrics = Metrics(cloudwatch, "Lamplighter", "demo")

    with caplog.at_level(logging.WARNING):
        for now in (0.0, 60.0, 120.0):
            metrics.send(values, now)
    cloudwatch.problem = None
    metrics.send(values, 180.0)

    assert len(caplog.records) == 1
    assert len(cloudwatch.sent) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"not_after": 5}', '{"not_after": "soon"}'])
def test_a_verdict_on_the_certificate_that_cannot_be_read_says_nothing(tmp_path, text) -> None:
    (tmp_path / "certificate").write_text(text)

    assert load(tmp_path / "certificate") == Verdict()


def test_the_keepers_verdict_is_read_with_its_problem(tmp_path) -> None:
    file = tmp_path / "certificate"
    file.write_text('{"not_after": "1970-01-02T00:00:00+00:00", "problem": "no zone"}')

    found = load(file)

    assert found.problem == "no zone"
    assert found.days_left(0.0) == 1.0
