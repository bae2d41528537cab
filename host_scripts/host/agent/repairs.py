"""Local repair: restart one broken part of this host, three times in half an hour at most.

The agent runs as an unprivileged user. It writes the name of a part into a file of its own, and
lamplighter-repair.service, which runs this as root, restarts that part and nothing else. What was
done is one JSON list of {"part", "at", "why"}; at: seconds since the boot.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from host.machine import requests
from host.machine.commands import failure
from host.machine.files import PUBLIC, write

MOST, WITHIN = 3, 1800.0  # repairs, seconds
SECONDS = 180  # for one command: stopping nginx waits for the answers that are under way

# part -> its container, its unit
PARTS: dict[str, tuple[str | None, str]] = {
    "engine": ("vllm-0", "vllm@0.service"),
    "gateway": ("inference-app", "inference-app.service"),
    "nginx": (None, "nginx.service"),
}

log = logging.getLogger("lamplighter.repair")


def commands(part: str) -> list[list[str]]:
    """Return what restarts the part. A hanging process ignores SIGTERM: its container is killed."""
    container, unit = PARTS[part]
    kill = [["docker", "kill", container]] if container else []
    return [*kill, ["systemctl", "reset-failed", unit], ["systemctl", "restart", unit]]


def recent(done: Path, now: float) -> list[dict[str, Any]]:
    """Return the repairs of the last half hour; a file that cannot be read says nothing."""
    try:
        found = json.loads(done.read_bytes())
        return [each for each in found if now - WITHIN < float(each["at"]) <= now]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def carry_out(
    request: Path, done: Path, now: float, run: Callable[[Sequence[str]], str | None]
) -> bool:
    """Take the request and act on it; return whether its part was restarted.

    The request is removed first and the repair recorded before it is done: no request is carried
    out twice, and an interrupted repair counts.
    """
    wanted = requests.take(request)
    part, why = str(wanted.get("part")), str(wanted.get("why"))
    if part not in PARTS:
        log.error("refused part=%r: not one of %s", part[:40], ", ".join(PARTS))
        return False
    so_far = recent(done, now)
    if len(so_far) >= MOST:
        log.error("refused part=%s: %d repairs in %g s are the most", part, MOST, WITHIN)
        return False
    write(done, json.dumps([*so_far, {"part": part, "at": now, "why": why[:400]}]) + "\n", PUBLIC)
    return start_again(part, run)


def start_again(part: str, run: Callable[[Sequence[str]], str | None]) -> bool:
    """Run the commands; only the last must succeed, the others may find nothing to do."""
    problem = None
    for command in commands(part):
        problem = run(command)
        log.info("%s: %s", " ".join(command), problem or "done")
    return problem is None


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    request, done = Path(os.environ["REPAIR_FILE"]), Path(os.environ["REPAIRS_FILE"])
    run = partial(failure, seconds=SECONDS)
    sys.exit(0 if carry_out(request, done, time.monotonic(), run) else 1)
