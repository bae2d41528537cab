"""The outcome of a request is in metrics, usage and log, and a defect there harms no request."""

import json
from pathlib import Path

import pytest
from gateway.settings.gateway_settings import Settings
from gateway.telemetry.recorder import Recorder
from gateway.telemetry.usage import Usage
from gatewaylab.model_server import ModelServer
from gatewaylab.running import Running
from gatewaylab.visiting import chat


def test_a_request_is_in_metrics_usage_and_log(capfd: pytest.CaptureFixture[str]) -> None:
    usage = Usage(None)
    recorder = Recorder(Settings(), usage)

    recorder.record(chat(request_id="id-9"))
    recorder.close()

    (line,) = map(json.loads, capfd.readouterr().out.splitlines())
    assert line["request_id"] == "id-9"
    assert sum(recorder.metrics.requests.values()) == 1
    assert usage.today("alice") == 41


def test_a_defect_in_recording_does_not_become_the_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder(Settings(), Usage(None))
    recorder.metrics.duration.bounds = ["no number"]

    recorder.record(chat())

    assert "a request could not be recorded" in caplog.text


async def test_what_a_client_got_is_what_is_recorded(
    gateway: Running, model_server: ModelServer, capfd: pytest.CaptureFixture[str]
) -> None:
    await gateway.chat(stream=True)
    await gateway.idle()
    gateway.gateway.recorder.close()

    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    (line,) = (each for each in told if each["message"] == "answered")
    found = {name: line[name] for name in ("status", "key_id", "operation", "model", "backend")}
    assert found == {
        "status": 200,
        "key_id": "alice",
        "operation": "chat",
        "model": "tiny",
        "backend": f"127.0.0.1:{model_server.port}",
    }
    counted = gateway.gateway.recorder.metrics.first_token[("chat", "tiny")]
    assert sum(counted.counts) == 1


async def test_usage_outlives_the_gateway(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    usage = Usage(tmp_path / "usage.json")
    recorder = Recorder(Settings(), usage)

    recorder.record(chat())
    recorder.close()
    usage.save()

    assert Usage(tmp_path / "usage.json").today("alice") == 41
