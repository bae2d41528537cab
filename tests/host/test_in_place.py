"""An update in place: the same bootstrap with other settings, on a machine that serves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from host.conftest import Say
from host.lab.seed import MODEL
from host.lab.whole import Lab
from patience import eventually

pytestmark = pytest.mark.host

CONTAINER = "docker inspect --format '{{.State.Pid}}'"
DONE = 60  # seconds for the steps, most of them found to have nothing to do
REFUSED = "invalid tool call parser"


def test_a_change_restarts_only_what_it_concerns(lab: Lab) -> None:
    lab.verified(60)
    engine, gateway = _process(lab, "vllm-0"), _process(lab, "inference-app")

    lab.change(gateway={"max_timeout_seconds": 300})
    eventually(lambda: _process(lab, "inference-app"), lambda it: it not in {"", gateway}, DONE)
    eventually(lambda: _status(lab), lambda status: status == 200, DONE)

    assert _process(lab, "vllm-0") == engine
    assert "MAX_TIMEOUT_SECONDS=300" in lab.machine.said("cat /opt/lamplighter/deployment.env")


def test_a_setting_that_the_engine_refuses_is_told_with_its_remedy(lab: Lab, say: Say) -> None:
    told = len(lab.cloud.reports())

    lab.change(engine={"tool_call_parser": "hermse"})
    report = eventually(lambda: _failed(lab, told), bool, DONE)[0]

    shown = f"journalctl --unit vllm@0 --grep '{REFUSED}' --output short-unix --no-pager"
    evidence = float(lab.machine.said(shown).split()[0])
    seconds = datetime.fromisoformat(report["sent_at"]).timestamp() - evidence
    say(f"a wrong setting: told {seconds:.1f} s after the engine's first word on it")
    assert report["cause"] == (
        "vllm@0.service does not start: this vLLM has no tool call parser hermse: "
        "correct engine.tool_call_parser"
    )
    assert seconds < 15
    assert _status(lab) == 503


def test_the_corrected_setting_serves(lab: Lab) -> None:
    lab.change(engine={"tool_call_parser": "hermes"})

    eventually(lambda: _status(lab), lambda status: status == 200, DONE + 60)
    eventually(lambda: lab.cloud.reports()[-1]["phase"], lambda it: it == "serving", DONE)


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


def _failed(lab: Lab, told: int) -> list[dict[str, Any]]:
    return [each for each in lab.cloud.reports()[told:] if each["phase"] == "failed"]


def _status(lab: Lab) -> int:
    try:
        return lab.client().chat(MODEL).status
    except OSError:  # nobody listens
        return 0
