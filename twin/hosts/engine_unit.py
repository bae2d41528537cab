"""The engine of a host: the built-in stub, or vLLM on this machine's CPU; or one that fails."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twin.engines import vllm
from twin.engines.broken import UNKNOWN_MODEL
from twin.hosts.systemd.service import Service
from twin.hosts.systemd.unit import Unit

_NAME = "vllm"


@dataclass(frozen=True, slots=True)
class Engines:
    """kind: stub or vllm; load_seconds: of the stub, before it answers; home: of vLLM's files."""

    kind: str
    load_seconds: float
    home: Path

    def unit(self, model: str, port: int, arguments: Sequence[str]) -> Unit:
        """The engine that answers to `model` on 127.0.0.1:port. It gets no AWS credentials.

        arguments: of engine.arguments, for vLLM; the stub has no flags of vLLM's.
        """
        if self.kind == "vllm":
            command = vllm.command(self.home, model, port, arguments)
            return Unit(_NAME, command, _environment() | vllm.ENVIRONMENT)
        arguments = [
            "--port",
            str(port),
            "--model",
            model,
            "--load-seconds",
            str(self.load_seconds),
        ]
        return Unit.python(_NAME, "twin.engines.stub", *arguments, environment=_environment())

    def wedge(self, engine: Service) -> None:
        """Let it answer for its health, and produce no token any more."""
        if self.kind == "stub":
            engine.signal(signal.SIGUSR1)
            return
        for pid in _generating(engine.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)


def failing(why: str) -> Unit:
    """The engine that logs this and exits."""
    return Unit.python(_NAME, "twin.engines.broken", why, environment=_environment())


class BadModels:
    """Models that no engine of this twin can run, until a time: one file for all its hosts."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, model: str, seconds: float | None) -> None:
        """seconds: None: for ever."""
        until = None if seconds is None else time.time() + seconds
        self._file.write_text(json.dumps(self._known() | {model: until}), encoding="utf-8")

    def why(self, model: str) -> str | None:
        """Return what an engine logs that cannot run the model, or None."""
        known = self._known()
        if model not in known or (known[model] or float("inf")) < time.time():
            return None
        return UNKNOWN_MODEL

    def _known(self) -> dict[str, float | None]:
        try:
            found: dict[str, float | None] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found


def _generating(group: int | None) -> list[int]:
    """Return the processes of vLLM's engine core: by the title that it gives itself."""
    return [
        int(each.parent.name)
        for each in Path("/proc").glob("[0-9]*/cmdline")
        if _is_core(each) and os.getpgid(int(each.parent.name)) == group
    ]


def _is_core(cmdline: Path) -> bool:
    try:
        return cmdline.read_bytes().startswith(b"VLLM::EngineCore")
    except OSError:
        return False


def _environment() -> dict[str, str]:
    return {name: each for name, each in os.environ.items() if not name.startswith("AWS_")}
