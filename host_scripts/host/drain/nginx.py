"""While the host drains, nginx closes each client's connection after its answer.

Clients with connection pools then open a new one, which the deployment's name may lead to another
host. The agent runs as an unprivileged user: it leaves {"drain": true or false} in a file, and
lamplighter-drain.service, which runs this as root, writes or removes the settings that nginx.conf
includes, and reloads nginx. A reload lets the old workers finish what runs.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from host.machine import requests
from host.machine.commands import failure
from host.machine.files import PUBLIC, write

PAUSE = 30.0  # seconds between two requests while nothing comes of them
SECONDS = 60  # for a reload
# HTTP/1.1 gets "Connection: close", HTTP/2 GOAWAY. nginx before 1.19.7 has a setting of its own for
# HTTP/2, and later ones ignore it.
SETTINGS = "keepalive_timeout 0;\nhttp2_idle_timeout 0;\n"
RELOAD = ("systemctl", "try-reload-or-restart", "nginx.service")

log = logging.getLogger("lamplighter.drain")


class Nginx:
    """The agent's side. request: None where no nginx runs; settings: there while nginx drains."""

    def __init__(
        self, request: Path | None, settings: Path | None, now: Callable[[], float]
    ) -> None:
        self._request, self._settings, self._now = request, settings, now
        self._next = float("-inf")

    def drain(self, *, wanted: bool) -> None:
        """Ask for it where it differs; again after a pause, since a reload may fail."""
        if self._request is None or self._settings is None or self._now() < self._next:
            return
        if self._settings.exists() == wanted:
            return
        self._next = self._now() + PAUSE
        try:
            requests.leave(self._request, {"drain": wanted})
        except OSError as error:
            log.warning("nginx not asked to drain error=%s", error.strerror)


def carry_out(request: Path, settings: Path, run: Callable[[Sequence[str]], str | None]) -> bool:
    """Take the request and act on it; return whether nginx is as requested."""
    wanted = requests.take(request).get("drain")
    if not isinstance(wanted, bool):
        log.error("refused: the request says neither to drain nor to stop it")
        return False
    if settings.exists() == wanted:
        return True
    _put(settings, wanted=wanted)
    problem = run(RELOAD)
    log.info("drain=%s %s: %s", wanted, " ".join(RELOAD), problem or "done")
    if problem:
        _put(settings, wanted=not wanted)
    return problem is None


def _put(settings: Path, *, wanted: bool) -> None:
    if wanted:
        write(settings, SETTINGS, PUBLIC)
    else:
        settings.unlink()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    names = (Path(os.environ["DRAIN_FILE"]), Path(os.environ["NGINX_DRAIN_FILE"]))
    sys.exit(0 if carry_out(*names, partial(failure, seconds=SECONDS)) else 1)
