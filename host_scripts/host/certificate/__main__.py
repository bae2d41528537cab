"""Keep the endpoint's certificate: `certificate self-sign|restore|keep`, one run at a time.

Writes /run/lamplighter/certificate for the agent: {"kind", "names", "not_after", "problem"}, what
is served and what is wrong with it: one sentence with its remedy, or null.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from host.certificate import name
from host.certificate.authority import Authority
from host.certificate.errors import Trouble
from host.certificate.keeper import Keeper
from host.certificate.settings import Settings, load
from host.certificate.shelf import Shelf
from host.certificate.store import Store
from host.machine import files

log = logging.getLogger("lamplighter.certificate")

AGAIN = 75  # EX_TEMPFAIL: systemd starts the service again
_SECONDS = 60  # for nginx to read its files


def main(arguments: list[str]) -> int:
    """Return 0; 75 when a better certificate could not be obtained now."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    (verb,) = arguments
    os.umask(0o077)
    try:
        settings = load(os.environ)
    except Trouble as error:
        sys.exit(str(error))
    quick = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
    ssm = boto3.client("ssm", region_name=settings.region, config=quick)
    store = Store(ssm, settings.path, settings.installation, settings.deployment)
    authority = Authority(settings, lambda: _route53(settings, quick))
    shelf = Shelf(settings.tls, _nothing if verb == "self-sign" else _reload)
    settings.acme.mkdir(mode=0o700, parents=True, exist_ok=True)

    def elsewhere() -> str | None:
        return name.elsewhere(settings.host, settings.metadata)

    keeper = Keeper(settings, shelf, store, authority, elsewhere, time.time)
    if verb == "self-sign":
        with _alone(settings):
            keeper.self_sign()
        return 0
    while True:
        with _alone(settings):
            problem = keeper.keep(orders=verb == "keep")
            _say(settings.verdict, shelf, problem)
        if not keeper.awaits_name:
            break
        name.wait(elsewhere, lambda: time.sleep(settings.name_seconds))
    return AGAIN if verb == "keep" and problem and settings.kind != "self-signed" else 0


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Let no other run change anything meanwhile."""
    with (settings.acme / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(path: Path, shelf: Shelf, problem: str | None) -> None:
    held = shelf.held()
    ends = held and datetime.fromtimestamp(held.pair.not_after, timezone.utc)  # noqa: UP017
    verdict = {
        "kind": held.kind if held else "self-signed",
        "names": list(held.pair.names) if held else [],
        "not_after": ends.isoformat() if ends else None,
        "problem": problem,
    }
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write(path, json.dumps(verdict) + "\n", files.PUBLIC)  # the agent reads it
    log.info("certificate kind=%s not_after=%s problem=%s", *list(verdict.values())[::2], problem)


def _route53(settings: Settings, config: Config) -> Any:
    return boto3.client("route53", region_name=settings.region, config=config)


def _reload() -> bool:
    """Reload nginx, which tests configuration and certificate first and keeps the old ones."""
    command = ["systemctl", "reload-or-restart", "nginx.service"]
    return subprocess.run(command, check=False, timeout=_SECONDS).returncode == 0  # noqa: S603


def _nothing() -> bool:
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
