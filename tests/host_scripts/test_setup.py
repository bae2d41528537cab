"""setup.sh: the order of the steps, what the agent hears, and how a failure ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess

import pytest
from host_scripts.sandbox import PYTHON, SECRETS, Host


def spool(host: Host) -> dict[str, object]:
    line: dict[str, object] = json.loads((host.run_dir / "phase").read_text())
    return line


def step(host: Host, name: str, body: str) -> None:
    (host.scripts / name).write_text(body)


@pytest.mark.parametrize("engine", ["gpu", "cpu", "none"])
def test_a_machine_is_set_up_from_end_to_end(host: Host, engine: str) -> None:
    host.configure(engine=engine)

    done = host.run("setup.sh")

    assert done.returncode == 0, done.stderr
    assert spool(host) == {"phase": "done", "percent": 100, "cause": None}
    assert (host.root / "state/lamplighter/setup-done").exists()


def test_the_agent_hears_the_phases_in_their_order(host: Host) -> None:
    heard_in = host.root / "heard"
    host.program("python3", f'case "$2" in *phase.py) echo "$3" >> {heard_in};; esac\n{PYTHON}')

    host.run("setup.sh")

    heard = heard_in.read_text().splitlines()
    assert list(dict.fromkeys(heard)) == [
        *("booting", "drivers", "images", "weights", "loading"),
        "done",
    ]


def test_a_failed_step_ends_the_setup_and_tells_the_agent_why(host: Host) -> None:
    host.gpu.write_text("0x1d0f\n")

    done = host.run("setup.sh")

    assert done.returncode != 0
    assert spool(host)["phase"] == "failed"
    assert str(spool(host)["cause"]).startswith("20-gpu.sh failed: ")
    assert "has no NVIDIA GPU: choose an instance.type" in str(spool(host)["cause"])
    assert not (host.root / "state/lamplighter/setup-done").exists()
    assert not [call for call in host.calls if "pull" in call]


def test_a_step_that_restarts_the_machine_is_no_failure_and_the_setup_goes_on_after_it(
    host: Host,
) -> None:
    host.answer("nvidia-smi", "exit 9")
    before = host.run("setup.sh")
    told = spool(host)["phase"]
    host.answer("nvidia-smi", "echo GPU 0")

    after = host.run("setup.sh")

    assert (before.returncode, told) == (0, "drivers")
    assert (after.returncode, spool(host)["phase"]) == (0, "done")


def test_a_setup_that_failed_can_be_run_again(host: Host) -> None:
    host.gpu.write_text("0x1d0f\n")
    host.run("setup.sh")
    host.gpu.write_text("0x10de\n")

    assert host.run("setup.sh").returncode == 0


@pytest.mark.parametrize("hostile", ['a "quoted" \\ line', "$(touch owned)", "%s %n"])
def test_a_hostile_last_line_still_makes_a_readable_spool(host: Host, hostile: str) -> None:
    (host.scripts / "hostile").write_text(hostile)
    step(host, "00-first.sh", f'cat "{host.scripts}/hostile" >&2; exit 1\n')

    host.run("setup.sh")

    assert hostile in str(spool(host)["cause"])


def test_b13_no_secret_reaches_the_log_or_the_spool(host: Host) -> None:
    done = host.run("setup.sh")

    logs = [path.read_text() for path in (host.root / "log").rglob("*.log")]
    text = "\n".join([done.stdout, done.stderr, *logs, json.dumps(spool(host))])
    assert len(logs) == len(list(host.scripts.glob("[0-9][0-9]-*.sh")))
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("cut", ["05", "10", "20", "30", "35", "40", "50", "60", "70"])
def test_a_setup_killed_after_any_step_ends_in_the_same_place_when_run_again(
    host: Host, cut: str
) -> None:
    host.run("setup.sh")
    whole = host.tree()
    for folder in ("etc", "run", "state", "www"):
        shutil.rmtree(host.root / folder, ignore_errors=True)
    killer = f"{cut}-zzz.sh"
    step(host, killer, 'kill -9 "$(<"$RUN/setup.pid")"\n')
    (host.root / "run").mkdir()
    assert started(host).returncode == -signal.SIGKILL
    (host.scripts / killer).unlink()
    (host.root / "run/setup.pid").unlink()

    done = host.run("setup.sh")

    assert done.returncode == 0, done.stderr
    assert names_and_modes(host.tree()) == names_and_modes(whole)


def started(host: Host) -> subprocess.CompletedProcess[str]:
    """Run setup.sh as a process that leaves its own id for the step that kills it."""
    wrapper = host.root / "started.sh"
    wrapper.write_text(f'echo $$ >"$RUN/setup.pid"; exec bash {host.scripts}/setup.sh\n')
    return host.run(wrapper)


def names_and_modes(tree: dict[str, tuple[int, str]]) -> dict[str, int]:
    """A certificate is made anew, and what it is compared by with it: names and modes stay."""
    return {name: mode for name, (mode, _) in tree.items()}
