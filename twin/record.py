"""What is known of a running twin: `<state>/local.json`, written as soon as something starts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from lamplighter.errors import Unavailable

_FILE = "local.json"


@dataclass(frozen=True, slots=True)
class Process:
    """start: tells the process from a later one of the same id (processes.started_at)."""

    pid: int
    start: str


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin: where it answers, and the processes that make it. state: its folder, absolute."""

    state: Path
    port: int
    engine: str
    stack: str = "lamplighter"
    region: str = "us-east-1"
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def origins(self) -> Path:
        return self.state / "origins.json"

    @property
    def journal(self) -> Path:
        return self.state / "calls.jsonl"

    @property
    def faults(self) -> Path:
        return self.state / "faults.json"

    def __str__(self) -> str:
        return f"{self.endpoint}, engine {self.engine}, stack {self.stack}"

    def with_process(self, name: str, process: Process) -> Self:
        return replace(self, processes=self.processes | {name: process})

    def save(self) -> None:
        """The file also says the endpoint, for those who read it without us."""
        document = asdict(self) | {"state": str(self.state), "endpoint": self.endpoint}
        new = self.state / f"{_FILE}.new"
        new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        new.replace(self.state / _FILE)


def find(state: Path) -> Twin | None:
    """The twin that was started with this folder, running or not."""
    state = state.resolve()
    try:
        known = json.loads((state / _FILE).read_text(encoding="utf-8"))
        processes = {name: Process(**each) for name, each in known["processes"].items()}
        port, engine = int(known["port"]), str(known["engine"])
        stack, region = str(known["stack"]), str(known["region"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            f"{state / _FILE} cannot be read ({error}): remove that file, or choose another folder"
            " with --state-dir"
        ) from error
    return Twin(state, port, engine, stack, region, processes)


def load(state: Path) -> Twin:
    """As find; raise Unavailable when there is none."""
    twin = find(state)
    if twin is None:
        raise Unavailable("the local twin is not up: run `lamplighter local up`")
    return twin


def forget(state: Path) -> None:
    (state.resolve() / _FILE).unlink(missing_ok=True)
