"""What the machine says about itself: its heartbeat, its facts, and all of it on request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from machine.lab.cloud import network
from machine.lab.seed import HF_TOKEN, MODEL, NAME
from machine.lab.whole import Lab
from patience import eventually

pytestmark = pytest.mark.host

DIAGNOSE = "python3 /opt/lamplighter/bin/diagnose.py"
RECOVER = "bash /opt/lamplighter/recover.sh 2>&1"
GATEWAY = "inference-app.service"


def test_the_heart_beats_to_cloudwatch_under_the_deployments_namespace(lab: Lab) -> None:
    lab.verified(60)

    measured = eventually(lambda: _measured(lab), lambda it: it.get("Serving") == 1.0, 70)

    assert measured["Heartbeat"] == 1.0
    assert 0 < measured["DiskUsed"] < 100
    assert 0 < measured["MemoryUsed"] < 100
    assert measured["CertificateDaysLeft"] > 10


def test_the_facts_of_the_machine_are_fresh(lab: Lab) -> None:
    facts = json.loads(lab.machine.said("cat /run/lamplighter/machine.json"))
    now = float(lab.machine.said("date +%s"))

    assert now - 60 < facts["at"] <= now + 1
    assert facts["gpus"] is None
    assert facts["fetched"] >= 0


def test_the_gateway_knows_its_clients_by_their_own_addresses(lab: Lab) -> None:
    """Through nginx and Docker's bridge: filters and the access log go by them."""
    assert lab.client().chat(MODEL).status == 200

    said = lab.machine.said(f"journalctl --unit {GATEWAY} --output cat --lines 100")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    asked = [each["client"] for each in lines if each.get("operation") == "chat"]
    assert network.AWS in asked
    assert set(asked) <= {network.AWS, "127.0.0.1"}


def test_the_gateway_says_what_runs_to_the_agent_and_its_key(lab: Lab) -> None:
    """A drain is over when nothing runs; what comes through Docker's bridge is a stranger's."""
    ask = "curl --silent http://127.0.0.1:8080/health/ready"

    keyed = json.loads(lab.machine.said(f"{ask} -H 'Authorization: Bearer {lab.seeded.api_key}'"))

    assert keyed["in_flight"] == 0
    assert "in_flight" not in json.loads(lab.machine.said(ask))


def _measured(lab: Lab) -> dict[str, Any]:
    """Return the values of the last minute that was sent."""
    calls = lab.cloud.told("PutMetricData")
    if not calls:
        return {}
    last = calls[-1]
    assert last["Namespace"] == "Lamplighter/lab"
    values = {}
    for number in range(1, 21):
        prefix = f"MetricData.member.{number}."
        if f"{prefix}MetricName" in last:
            assert last[f"{prefix}Dimensions.member.1.Value"] == NAME
            values[last[f"{prefix}MetricName"]] = float(last[f"{prefix}Value"])
    return values


def test_a_diagnosis_of_a_machine_that_serves_finds_nothing_and_changes_nothing(lab: Lab) -> None:
    lab.verified(60)
    before = _state(lab)

    document = json.loads(lab.machine.said(f"{DIAGNOSE} 2>/dev/null"))

    assert document["problems"] == []
    assert {each["Names"] for each in document["containers"]} == {"inference-app", "vllm-0"}
    assert _state(lab) == before


def test_a_diagnosis_is_uploaded_on_request_and_holds_no_secret(lab: Lab) -> None:
    url = lab.machine.said(f"{DIAGNOSE} --upload 2>&1 >/dev/null | tail -n 1")

    bucket, _, key = url.removeprefix("s3://").partition("/")
    uploaded = lab.cloud.read(bucket, key)
    assert bucket == lab.seeded.bucket
    assert json.loads(uploaded)["problems"] == []
    assert HF_TOKEN.encode() not in uploaded
    assert lab.seeded.api_key.encode() not in uploaded


def test_a_recovery_of_a_machine_that_serves_changes_nothing(lab: Lab) -> None:
    before = _state(lab)

    said = lab.machine.said(RECOVER)

    assert "no unit of ours has failed" in said
    assert "verified:" in said
    assert _state(lab) == before


def test_a_recovery_starts_what_was_stopped_and_what_systemd_gave_up(lab: Lab) -> None:
    failing = "/etc/systemd/system/inference-app.service.d/failing.conf"
    lab.machine.said(f"mkdir -p {failing.rpartition('/')[0]}")
    lab.machine.write(failing, "[Service]\nExecStartPre=/usr/bin/false\nRestartSec=100ms\n")
    lab.machine.said("systemctl daemon-reload; systemctl stop nginx")
    lab.machine.run("systemctl restart inference-app")
    eventually(lambda: lab.machine.run(f"systemctl is-failed {GATEWAY}").stdout.strip(),
               lambda it: it == "failed", 60)  # fmt: skip
    document = json.loads(lab.machine.said(f"{DIAGNOSE} 2>/dev/null"))
    lab.machine.said(f"rm {failing}; systemctl daemon-reload")

    said = lab.machine.said(RECOVER)

    assert any(GATEWAY in problem for problem in document["problems"])
    assert any("nginx" in problem for problem in document["problems"])
    assert f"these have failed and may start again: {GATEWAY}" in said
    assert lab.client().chat(MODEL).status == 200
    assert lab.machine.said("systemctl --failed --no-legend") == ""


def _state(lab: Lab) -> str:
    """Return what a look or a needless repair would change: processes, and files of ours."""
    processes = "docker inspect --format '{{.State.Pid}}' inference-app vllm-0"
    units = "systemctl show --value --property MainPID nginx lamplighter-agent"
    files = "find /etc/systemd /etc/lamplighter /opt/lamplighter -type f -newer /run/before"
    if lab.machine.run("test -e /run/before").returncode:
        lab.machine.said("touch /run/before")
    return lab.machine.said(f"{processes}; {units}; {files} -not -name status")
