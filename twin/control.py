"""The local twin: a whole AWS on this machine with Lamplighter installed.

    twin = up("stub", print, Path("/tmp/twin"))
    environment(twin.state)   # AWS_ENDPOINT_URL ...: what the AWS CLI, the SDKs and ours need
    break_(twin.state, "terminate")
    down(twin.state)

Everything listens on 127.0.0.1. Every public function raises lamplighter.errors.Unavailable with a
sentence that says what is wrong and what to do; break_ also UnknownDeployment and WrongUsage.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lamplighter.errors import Unavailable
from twin import account, installation, processes, record
from twin.daemons import start_emulator, start_hosts
from twin.engines import vllm
from twin.faults import breaking
from twin.record import Twin

# .../twin/control.py: the twin installs the template of the checkout it is run from.
PROJECT = Path(__file__).resolve().parents[1]


def is_installed() -> bool:
    """Return whether this is a checkout, in an environment with what the local AWS needs."""
    return installation.is_here(PROJECT)


def up(
    engine: str,
    say: Callable[[str], None],
    state_dir: Path,
    port: int | None = None,
    parameters: Mapping[str, str] | None = None,
    template: Path | None = None,
) -> Twin:
    """Start the twin, or bring a running one up to date.

    port: of the local AWS (default 4566, or the next free one). parameters: of the template.
    template: another one than the project's (tests).
    """
    state = state_dir.resolve()
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"{state} cannot be made ({error}): choose another --state-dir"
        ) from error
    if engine == "vllm":
        vllm.prepare(PROJECT, say)
    twin = _running(state)
    if twin is None or _restarts(twin, engine, port):
        down(state)
        say("local AWS: starting")
        twin = start_emulator(state, engine, port)
    say(f"local AWS: {twin.endpoint}")
    account.prepare(environment(state))
    say("installing: sam deploy")
    installation.deploy(
        template or PROJECT / "template.yaml", twin.stack, parameters or {}, environment(state)
    )
    if not _alive(twin, "hosts"):
        twin = start_hosts(twin, environment(state), PROJECT)
        say(f"host runner: on, engine {engine}")
    return twin


def consequences(engine: str, state_dir: Path, port: int | None = None) -> list[str]:
    """Return what `up` would do beside starting, as predicates; empty when nothing is lost."""
    twin = _running(state_dir.resolve())
    installs = engine == "vllm" and not vllm.is_installed(PROJECT)
    found = [f"installs vLLM for the CPU into {PROJECT} ({vllm.COSTS})"] if installs else []
    if twin and _restarts(twin, engine, port):
        found.append(
            f"stops the running twin ({twin}) with everything in it, and starts an empty one"
        )
    return found


def _restarts(twin: Twin, engine: str, port: int | None) -> bool:
    return twin.engine != engine or port not in {None, twin.port}


def down(state_dir: Path, *, forget: bool = False) -> None:
    """Stop everything the twin started; forget: its data too. Nothing to stop is fine."""
    state = state_dir.resolve()
    twin = record.find(state)
    if twin is not None:
        # The hosts first: they would see the account vanish.
        for name in ("hosts", "emulator"):
            if process := twin.processes.get(name):
                processes.end(process.pid, process.start)
        left = [name for name in twin.processes if _alive(twin, name)]
        if left:
            raise Unavailable(f"still running after SIGKILL: {', '.join(left)}: see {state}")
        record.forget(state)
    if forget:
        shutil.rmtree(state, ignore_errors=True)


def status(state_dir: Path) -> dict[str, Any]:
    """{"up": bool, "endpoint", "engine", "stack", "processes": {name: pid},
    "hosts": {instance id: state}}.
    """
    twin = record.find(state_dir)
    if twin is None:
        return {"up": False}
    hosts = twin.state / "hosts" / "hosts.json"
    return {
        "up": all(_alive(twin, name) for name in ("emulator", "hosts")),
        "endpoint": twin.endpoint,
        "engine": twin.engine,
        "stack": twin.stack,
        "processes": {
            name: each.pid for name, each in twin.processes.items() if _alive(twin, name)
        },
        "hosts": json.loads(hosts.read_text(encoding="utf-8")) if hosts.exists() else {},
    }


def environment(state_dir: Path) -> dict[str, str]:
    """The variables that point the AWS CLI, the SDKs and our probes at the twin."""
    twin = record.load(state_dir)
    return {
        "AWS_ENDPOINT_URL": twin.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": twin.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LAMPLIGHTER_ORIGINS": str(twin.origins),
    }


def break_(
    state_dir: Path,
    how: str,
    deployment: str | None = None,
    *,
    seconds: float | None = None,
    check: str | None = None,
) -> str:
    """Break something as AWS, a machine or somebody may; return the instance's id, if it is one.

    how: a name of lamplighter.faults; deployment: whose instance, without it there must be only
    one; seconds: how long it lasts; check: of status-check, system or instance.
    """
    twin = record.load(state_dir)
    environment_ = environment(state_dir)
    return breaking.break_(twin, environment_, how, deployment, seconds=seconds, check=check)


def inventory(state_dir: Path) -> list[str]:
    """Every resource of the account that a deployment could have left, as "kind id" lines."""
    return account.inventory(environment(state_dir))


def _running(state: Path) -> Twin | None:
    twin = record.find(state)
    return twin if twin and _alive(twin, "emulator") else None


def _alive(twin: Twin, name: str) -> bool:
    process = twin.processes.get(name)
    return process is not None and processes.started_at(process.pid) == process.start != ""
