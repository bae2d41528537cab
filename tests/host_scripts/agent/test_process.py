"""The agent as the host and the local twin run it: a process, real HTTP, AWS in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.endpoint import Endpoint, stop
from host_scripts.sandbox import SCRIPTS, SECRETS, SETTINGS, TESTS, Host, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Agent:
    def __init__(self, host: Host, **environment: str) -> None:
        settings = host.root / "deployment.env"
        settings.write_text(render("deployment.env.j2", **{**SETTINGS, "report_seconds": 1}))
        self.events, self.spool = host.aws / "events", host.root / "phase"
        self.output = host.root / "agent.log"
        self.keys, self.status = host.root / "keys", host.root / "status"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{SCRIPTS}:{TESTS / 'fake_aws'}",
            "FAKE_AWS": str(host.aws),
            "DEPLOYMENT_ENV": str(settings),
            "INSTANCE_ID": "i-0123",
            "PHASE_FILE": str(self.spool),
            "KEYS_FILE": str(self.keys),
            "KEYS_SECONDS": "0.1",
            "STATUS_FILE": str(self.status),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-B", "-m", "host.agent"],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def phase(self, phase: str, percent: int = 0, cause: str | None = None) -> None:
        line = json.dumps({"phase": phase, "percent": percent, "cause": cause})
        beside = self.spool.with_suffix(".new")
        beside.write_text(line)
        beside.replace(self.spool)

    @property
    def key_ids(self) -> list[str]:
        if not self.keys.exists():
            return []
        return [entry["id"] for entry in json.loads(self.keys.read_text())["keys"]]

    @property
    def reports(self) -> list[dict[str, Any]]:
        if not self.events.exists():
            return []
        lines = self.events.read_text().splitlines()
        return [json.loads(json.loads(line)["Detail"]) for line in lines]

    def heard(self, phase: str) -> bool:
        return any(report["phase"] == phase for report in self.reports)


def wait(happened: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Return a server that listens and serves nothing yet."""
    endpoint = Endpoint()
    server = endpoint.start()
    yield endpoint
    stop(server)


@pytest.fixture
def agent(blank_host: Host, endpoint: Endpoint) -> Iterator[Agent]:
    agent = Agent(blank_host, GATEWAY_URL=endpoint.url, ENGINE_URL=endpoint.url)
    yield agent
    if agent.process and agent.process.poll() is None:
        agent.process.kill()
        agent.process.wait()


def test_a_host_is_followed_from_its_setup_to_its_first_token(
    agent: Agent, endpoint: Endpoint
) -> None:
    for phase in ("booting", "images"):
        agent.phase(phase, 50)
        if agent.process is None:
            agent.start()
        wait(lambda phase=phase: agent.heard(phase))  # type: ignore[misc]
    agent.phase("done")
    wait(lambda: agent.heard("loading"))
    endpoint.serve_all()
    wait(lambda: agent.heard("serving"))

    phases = [report["phase"] for report in agent.reports]
    assert list(dict.fromkeys(phases)) == ["booting", "images", "loading", "serving"]
    assert {report["instance_id"] for report in agent.reports} == {"i-0123"}


def test_one_token_is_bought_and_the_report_is_repeated(agent: Agent, endpoint: Endpoint) -> None:
    endpoint.serve_all()
    agent.start()

    wait(lambda: len(agent.reports) >= 2)

    assert [report["phase"] for report in agent.reports[:2]] == ["serving", "serving"]
    assert endpoint.count("/v1/chat/completions") == 1
    assert endpoint.count("/v1/models") >= 2


def test_a_failed_setup_is_reported_with_its_cause(agent: Agent) -> None:
    agent.phase("failed", 0, "20-gpu.sh failed: no GPU")
    agent.start()

    wait(lambda: agent.heard("failed"))

    assert agent.reports[0]["cause"] == "20-gpu.sh failed: no GPU"
    assert agent.reports[0]["percent"] is None


def test_a_bus_that_comes_back_hears_the_state_of_now(
    agent: Agent, endpoint: Endpoint, blank_host: Host
) -> None:
    down = blank_host.aws / "events-down"
    down.mkdir()
    agent.start()
    wait(lambda: b"report not sent" in agent.output.read_bytes())
    endpoint.serve_all()

    down.rmdir()

    wait(lambda: agent.heard("serving"))


def test_sigterm_ends_the_agent_at_once_even_while_it_waits_for_an_answer(
    agent: Agent, endpoint: Endpoint
) -> None:
    endpoint.serve_all()
    endpoint.delays["/health"] = 60.0
    agent.start()
    wait(lambda: endpoint.count("/health"))

    status = agent.stop()

    output = agent.output.read_text()
    assert status == 0
    assert "agent stopped" in output
    # It did not wait until its look was over, not even until the answer was late.
    assert "phase changed" not in output
    assert agent.reports == []


def test_the_gateways_keys_follow_ssm_while_the_host_is_still_being_set_up(
    agent: Agent, blank_host: Host
) -> None:
    agent.phase("images", 50)
    blank_host.key("alice")
    agent.start()
    wait(lambda: agent.key_ids == ["alice", "default"])

    (blank_host.aws / "ssm-down").mkdir()
    wait(lambda: b"EndpointConnectionError" in agent.output.read_bytes())
    kept = agent.key_ids
    (blank_host.aws / "ssm-down").rmdir()
    (blank_host.aws / "ssm/lamplighter/demo/keys/alice").unlink()

    wait(lambda: agent.key_ids == ["default"])
    assert kept == ["alice", "default"]


def test_the_gateway_gets_the_progress_of_the_engine(agent: Agent, endpoint: Endpoint) -> None:
    agent.start()
    wait(lambda: agent.status.exists())
    before = json.loads(agent.status.read_text())
    endpoint.serve_all()

    wait(lambda: json.loads(agent.status.read_text())["phase"] == "serving")

    assert before["phase"] == "loading"


def test_an_agent_whose_keys_cannot_be_followed_any_more_ends_to_be_started_again(
    agent: Agent, blank_host: Host
) -> None:
    (blank_host.aws / "ssm/lamplighter/demo/keys/alice").write_bytes(b"\xff")  # no AWS does that
    agent.start()

    assert agent.process
    assert agent.process.wait(20) == 1
    assert b"agent failed" in agent.output.read_bytes()


def test_a_part_that_stays_dead_is_asked_for_once(
    agent: Agent, endpoint: Endpoint, blank_host: Host, tmp_path: Path
) -> None:
    """The whole way from a dead check to the file that root waits for."""
    request, done = tmp_path / "repair", tmp_path / "repairs"
    agent.environment |= {"REPAIR_FILE": str(request), "REPAIRS_FILE": str(done)}
    agent.environment |= {"LOOK_SECONDS": "0.1", "REPAIR_PATIENCE_SECONDS": "0.5"}
    endpoint.serve_all()
    agent.start()
    wait(lambda: agent.heard("serving"))
    endpoint.answers["/health"] = (500, {})

    wait(lambda: agent.heard("unhealthy"), 40)
    wait(request.exists, 60)

    assert json.loads(request.read_text())["part"] == "engine"
    assert agent.reports[-1]["cause"] == f"{endpoint.url}/health answered 500"


def test_an_order_to_drain_reaches_gateway_nginx_and_orchestrator(
    agent: Agent, endpoint: Endpoint, blank_host: Host, tmp_path: Path
) -> None:
    request, applied = tmp_path / "drain", tmp_path / "nginx-drain.conf"
    agent.environment |= {"DRAIN_FILE": str(request), "NGINX_DRAIN_FILE": str(applied)}
    agent.environment |= {"LOOK_SECONDS": "0.1", "ORDER_SECONDS": "0.1"}
    order = {"refuse_from": "2026-01-01T00:00:00Z", "retry_after_seconds": 30}
    endpoint.serve_all()
    agent.start()
    wait(lambda: agent.heard("serving"))

    endpoint.answers["/health/ready"] = (503, {"status": "draining", "in_flight": 1})
    blank_host.parameter("lamplighter/demo/hosts/i-0123", json.dumps({"drain": order}))
    wait(lambda: agent.heard("draining"))
    wait(request.exists)
    wait(lambda: endpoint.count("/health/ready") >= 3)
    too_early = agent.heard("drained")
    endpoint.answers["/health/ready"] = (503, {"status": "draining", "in_flight": 0})
    wait(lambda: agent.heard("drained"))
    passed_on = json.loads(agent.status.read_text())
    (blank_host.aws / "ssm/lamplighter/demo/hosts/i-0123").unlink()
    wait(lambda: agent.reports[-1]["phase"] == "serving")

    assert not too_early
    assert json.loads(request.read_text()) == {"drain": True}
    assert passed_on["phase"] == "serving"
    assert passed_on["drain"] == order | {"refuse_from": "2026-01-01T00:00:00.000Z"}


def test_a_host_that_refuses_new_requests_is_not_repaired_any_more(
    agent: Agent, endpoint: Endpoint, blank_host: Host, tmp_path: Path
) -> None:
    agent.environment |= {"REPAIR_FILE": str(tmp_path / "repair")}
    agent.environment |= {"REPAIRS_FILE": str(tmp_path / "repairs"), "LOOK_SECONDS": "0.1"}
    agent.environment |= {"ORDER_SECONDS": "0.1", "REPAIR_PATIENCE_SECONDS": "0"}
    order = {"refuse_from": "2026-01-01T00:00:00Z", "retry_after_seconds": 30}
    endpoint.serve_all()
    blank_host.parameter("lamplighter/demo/hosts/i-0123", json.dumps({"drain": order}))
    agent.start()
    wait(lambda: agent.heard("draining"))
    endpoint.answers["/health"] = (500, {})

    wait(lambda: any(report["cause"] for report in agent.reports if report["phase"] == "draining"))

    assert not (tmp_path / "repair").exists()


def test_no_secret_is_logged_or_reported(agent: Agent, endpoint: Endpoint) -> None:
    endpoint.serve_all()
    endpoint.answers["/v1/chat/completions"] = (500, {"error": "boom"})
    agent.start()
    wait(lambda: endpoint.count("/v1/chat/completions"))
    endpoint.serve_all()
    wait(lambda: agent.heard("serving"))
    agent.stop()

    text = agent.output.read_text() + agent.events.read_text()
    assert [secret for secret in SECRETS if secret in text] == []


def test_the_folder_of_the_scripts_stays_as_it_was_proved(agent: Agent, endpoint: Endpoint) -> None:
    endpoint.serve_all()
    agent.start()
    wait(lambda: agent.heard("serving"))

    assert list(SCRIPTS.rglob("__pycache__")) == []
