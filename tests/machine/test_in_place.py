"""An update in place: the same bootstrap with other settings, on a machine that serves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from machine.conftest import Say
from machine.lab.seed import MODEL
from machine.lab.whole import Lab
from patience import eventually

pytestmark = pytest.mark.host

CONTAINER = "docker inspect --format '{{.State.Pid}}'"
DONE = 60  # seconds for the steps, most of them found to have nothing to do
REFUSED = "invalid tool call parser"
NO_TOKEN = "/lamplighter/lab/none"
METRICS = "curl --silent http://127.0.0.1:8000/metrics | grep vllm:num_requests_running"
STOPPING = (
    "journalctl --unit inference-app --grep '^Stopping' --output short-unix --no-pager | tail -n 1"
)


def test_a_change_restarts_only_what_it_concerns(lab: Lab) -> None:
    lab.verified(60)
    engine, gateway = _process(lab, "vllm-0"), _process(lab, "inference-app")

    lab.change(gateway={"max_timeout_seconds": 300})
    eventually(lambda: _process(lab, "inference-app"), lambda it: it not in {"", gateway}, DONE)
    eventually(lambda: _status(lab), lambda status: status == 200, DONE)

    assert _process(lab, "vllm-0") == engine
    assert "MAX_TIMEOUT_SECONDS=300" in lab.machine.said("cat /opt/lamplighter/deployment.env")


def test_a_missing_token_is_reported_and_what_served_keeps_serving(lab: Lab) -> None:
    told = len(lab.cloud.reports())

    lab.change(engine={"hf_token_parameter": NO_TOKEN})
    report = eventually(lambda: _failed(lab, told, NO_TOKEN), bool, DONE)[0]

    assert report["cause"].startswith(
        f"the SSM parameter {NO_TOKEN} does not exist: write it with `aws ssm put-parameter"
    )
    assert report["cause"].endswith("or correct engine.hf_token_parameter")
    assert _status(lab) == 200


def test_a_setting_that_the_engine_refuses_is_reported_with_its_remedy(lab: Lab, say: Say) -> None:
    told = len(lab.cloud.reports())

    lab.change(engine={"tool_call_parser": "hermse"})
    report = eventually(lambda: _failed(lab, told, "hermse"), bool, DONE)[0]

    shown = f"journalctl --unit vllm@0 --grep '{REFUSED}' --output short-unix --no-pager"
    evidence = float(lab.machine.said(shown).split()[0])
    seconds = datetime.fromisoformat(report["sent_at"]).timestamp() - evidence
    say(f"a wrong setting: told {seconds:.1f} s after the engine's first word on it")
    assert report["cause"] == (
        "vllm@0.service does not start: this vLLM has no tool call parser hermse: "
        "correct engine.tool_call_parser"
    )
    assert seconds < 15
    # The gateway restarts with the new setting too: until it does, nginx says 502.
    eventually(lambda: _status(lab), lambda status: status == 503, DONE)


def test_the_corrected_setting_serves(lab: Lab) -> None:
    lab.change(engine={"tool_call_parser": "hermes"})

    eventually(lambda: _status(lab), lambda status: status == 200, DONE + 60)
    eventually(lambda: lab.cloud.reports()[-1]["phase"], lambda it: it == "serving", DONE)


def test_an_engine_is_restarted_after_the_streams_have_ended(lab: Lab, say: Say) -> None:
    engine = _process(lab, "vllm-0")
    messages = [{"role": "user", "content": "Speak slowly."}]
    with ThreadPoolExecutor(1) as pool:
        body = {"model": MODEL, "messages": messages, "stream": True}
        stream = pool.submit(lab.client().post, "/v1/chat/completions", body)
        eventually(lambda: lab.machine.said(METRICS), lambda it: "running" in it and "} 1" in it, 5)

        lab.change()
        reply = stream.result(60)
        ended = time.time()

    began = float(lab.machine.said(STOPPING).split()[0])
    say(f"a stream went on for {ended - began:.1f} s after the update had reached it")
    assert began < ended
    assert reply.text.endswith("data: [DONE]\n\n")
    assert "error" not in reply.text
    eventually(lambda: _process(lab, "vllm-0"), lambda it: it not in {"", engine}, DONE)
    eventually(lambda: _status(lab), lambda status: status == 200, DONE)


def test_without_an_engine_the_host_is_well_and_says_so(lab: Lab) -> None:
    lab.change(engine={"on_cpu": False})
    eventually(lambda: _process(lab, "vllm-0"), lambda it: it == "", DONE)

    layers = eventually(
        lambda: set(lab.verified(DONE)["layers"]), lambda it: "engine" not in it, DONE
    )
    health = lab.client().get("/health").json()
    serving = eventually(lambda: lab.cloud.reports()[-1], lambda it: it["phase"] == "serving", DONE)
    assert layers == {"gateway", "nginx"}
    assert "disabled" in str(health)
    assert serving["cause"] is None
    assert lab.machine.said("systemctl --failed --no-legend") == ""


def test_the_engine_comes_back(lab: Lab) -> None:
    lab.change()

    eventually(lambda: _status(lab), lambda status: status == 200, DONE)
    lab.verified(60)
    assert lab.machine.said("systemctl --failed --no-legend") == ""


def _process(lab: Lab, container: str) -> str:
    """Empty while there is none."""
    done = lab.machine.run(f"{CONTAINER} {container}")
    return done.stdout.strip() if done.returncode == 0 else ""


def _failed(lab: Lab, told: int, word: str) -> list[dict[str, Any]]:
    """Return the failures that were told since then, and have this word in their cause."""
    since = lab.cloud.reports()[told:]
    return [each for each in since if each["phase"] == "failed" and word in each["cause"]]


def _status(lab: Lab) -> int:
    try:
        return lab.client().chat(MODEL).status
    except OSError:  # nobody listens
        return 0
