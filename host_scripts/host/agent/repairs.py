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
from pathlib import Path
from typing import Any

from host.machine.commands import Unanswered, ask
from host.machine.files import PUBLIC, write

MOST, WITHIN = 3, 1800.0  # repairs, seconds
SECONDS = 180  # for one command: stopping nginx waits for the answers that are under way
_LONGEST = 4096  # bytes of a request that are read

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


def leave_request(request: Path, part: str, why: str) -> None:
    """Leave a request, whole or not at all; raise OSError when it cannot be written."""
    write(request, json.dumps({"part": part, "why": why}) + "\n")


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
    wanted = _taken(request)
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


def run(command: Sequence[str]) -> str | None:
    """Return None when the command succeeded, else what it said."""
    try:
        said = ask(command, SECONDS)
    except Unanswered as error:
        return str(error)
    return None if said.status == 0 else (said.err.strip() or f"exit {said.status}")


def _taken(request: Path) -> dict[str, Any]:
    """Read and remove it. Its writer is not trusted: no link is followed, no pipe awaited."""
    try:
        descriptor = os.open(request, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        log.warning("request not read file=%s error=%s", request, error.strerror)
        request.unlink(missing_ok=True)
        return {}
    try:
        text = os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)
        request.unlink()
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    request, done = Path(os.environ["REPAIR_FILE"]), Path(os.environ["REPAIRS_FILE"])
    sys.exit(0 if carry_out(request, done, time.monotonic(), run) else 1)
