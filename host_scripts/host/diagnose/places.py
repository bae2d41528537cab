"""Where things are on this machine, and how long one fact may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from host.machine.metadata import ORIGIN

SCRIPTS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Places:
    """seconds: the limit for one fact; metadata: an origin."""

    scripts: Path
    run: Path
    state: Path
    logs: Path
    boot_id: Path
    docker: Path
    metadata: str
    seconds: float

    @property
    def for_a_command(self) -> float:
        """Seconds; some facts take two commands in sequence."""
        return self.seconds * 0.4


def load(environ: Mapping[str, str]) -> Places:
    return Places(
        scripts=SCRIPTS,
        run=Path(environ.get("RUN", "/run")) / "lamplighter",
        state=Path(environ.get("STATE", "/var/lib")) / "lamplighter",
        logs=Path(environ.get("LOGS", "/var/log")),
        boot_id=Path(environ.get("BOOT_ID_FILE", "/proc/sys/kernel/random/boot_id")),
        docker=Path(environ.get("DOCKER_ROOT", "/var/lib/docker")),
        metadata=environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", ORIGIN),
        seconds=float(environ.get("DIAGNOSE_SECONDS", "20")),
    )
