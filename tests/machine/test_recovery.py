"""What breaks comes back by itself: processes, then the whole machine."""

from __future__ import annotations

import time

import pytest
from machine.conftest import Say
from machine.lab.seed import MODEL
from machine.lab.whole import Lab
from patience import eventually

pytestmark = pytest.mark.host

MAIN = "systemctl show --property MainPID --value"
CONTAINER = "docker inspect --format '{{.State.Pid}}'"
CERTIFICATE = "lamplighter-certificate.service"
BACK, BOOTED = 30, 90  # seconds; what it took is told


@pytest.mark.parametrize(
    ("part", "pid"),
    [
        ("vLLM", f"{CONTAINER} vllm-0"),
        ("the gateway", f"{CONTAINER} inference-app"),
        ("nginx", f"{MAIN} nginx.service"),
        ("the agent", f"{MAIN} lamplighter-agent.service"),
        ("docker", f"{MAIN} docker.service"),
        ("containerd", f"{MAIN} containerd.service"),
    ],
    ids=["vllm", "gateway", "nginx", "agent", "docker", "containerd"],
)
def test_a_killed_process_comes_back(lab: Lab, say: Say, part: str, pid: str) -> None:
    eventually(lambda: _status(lab), lambda status: status == 200, BACK)
    killed = lab.machine.said(pid)

    lab.machine.said(f"kill -9 {killed}")
    began = time.monotonic()
    eventually(
        lambda: lab.machine.run(pid).stdout.strip(),
        lambda now: now.isdecimal() and now not in {"0", killed},
        BACK,
    )
    eventually(lambda: _status(lab), lambda status: status == 200, BACK)
    served = time.monotonic() - began
    eventually(lambda: lab.machine.run("docker top vllm-0").returncode, lambda it: it == 0, BACK)

    say(f"{part} killed: served again after {served:.1f} s")


def test_an_engine_that_hangs_is_noticed_and_started_again(lab: Lab, say: Say) -> None:
    """Stopped, not ended: docker and systemd both believe that it runs."""
    eventually(lambda: _last_said(lab), lambda line: "to=serving" in line, BACK)
    hanging = lab.machine.said(f"{CONTAINER} vllm-0")
    told = len(lab.cloud.reports())

    lab.machine.said("kill -STOP $(docker top vllm-0 -o pid | tail -n +2)")
    began = time.monotonic()
    report = eventually(
        lambda: [each for each in lab.cloud.reports()[told:] if each["phase"] == "unhealthy"],
        bool,
        120,
    )[0]
    noticed = time.monotonic() - began
    eventually(lambda: _status(lab), lambda status: status == 200, 60)

    say(f"engine hung: noticed after {noticed:.0f} s, served {time.monotonic() - began:.0f} s")
    assert "the engine hangs" in report["cause"]
    assert lab.machine.said(f"{CONTAINER} vllm-0") != hanging
    assert lab.machine.said("systemctl is-active lamplighter-repair.path") == "active"


def test_a_reboot_serves_again_without_a_second_bootstrap(lab: Lab, say: Say) -> None:
    before = lab.machine.boot_id()
    began = time.monotonic()

    lab.machine.said("systemctl reboot")
    eventually(lambda: _boot_id(lab), lambda now: now not in {"", before}, 60)
    _tell_recovery(lab, say, "rebooted", began)

    assert lab.client().chat(MODEL).status == 200
    assert _bootstraps(lab) == 1


def test_a_power_cut_is_survived(lab: Lab, say: Say) -> None:
    before = lab.machine.boot_id()
    began = time.monotonic()

    lab.machine.power_cut()
    lab.machine.boot()
    _tell_recovery(lab, say, "power cut", began)

    assert lab.machine.boot_id() != before
    assert lab.client().chat(MODEL).status == 200
    assert lab.machine.said("systemctl --failed --no-legend") == ""
    assert _bootstraps(lab) == 1


def _tell_recovery(lab: Lab, say: Say, what: str, began: float) -> None:
    """Wait until it serves, and until it says so itself."""
    eventually(lambda: _status(lab), lambda status: status == 200, 60)
    served = time.monotonic() - began
    lab.verified(60)
    say(f"{what}: served after {served:.1f} s, verified after {time.monotonic() - began:.1f} s")


def test_a_new_machine_in_its_place_serves_with_the_stored_certificate(lab: Lab, say: Say) -> None:
    """Nothing of the old one's disk is left; what it stored in SSM is."""
    served = lab.machine.said("cat /etc/lamplighter/tls/server.crt")
    ordered = lab.cloud.orders()

    began = time.monotonic()
    lab.machine.replace()
    lab.machine.boot()
    lab.verified(BOOTED)
    say(f"replaced: verified after {time.monotonic() - began:.1f} s")

    assert lab.client().chat(MODEL).status == 200
    assert lab.machine.said("cat /etc/lamplighter/tls/server.crt") == served
    lab.machine.said(f"systemctl start {CERTIFICATE}")
    ended = f"systemctl show --property SubState,Result {CERTIFICATE}"
    eventually(lambda: lab.machine.said(ended), lambda it: "SubState=dead" in it, BACK)
    assert "Result=success" in lab.machine.said(ended)
    assert lab.cloud.orders() == ordered


def _status(lab: Lab) -> int:
    try:
        return lab.client().chat(MODEL).status
    except (OSError, AssertionError):  # nobody listens, or there is no machine to ask
        return 0


def _last_said(lab: Lab) -> str:
    """Return the newest line on its phase of the agent that runs now."""
    journal = "journalctl --unit lamplighter-agent.service --output cat --no-pager"
    return lab.machine.said(f"{journal} | grep -E 'agent started|phase changed' | tail -n 1")


def _boot_id(lab: Lab) -> str:
    """Empty while there is no machine to ask."""
    try:
        return lab.machine.boot_id()
    except AssertionError:
        return ""


def _bootstraps(lab: Lab) -> int:
    done = "grep --count 'the set-up is complete' /var/log/cloud-init-output.log"
    return int(lab.machine.said(done))
