"""Gather facts about this host, judge them, print the document; --upload stores it in S3."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from host.diagnose import containers, places, problems, services, setup, system, texts
from host.diagnose.gathering import gather
from host.diagnose.places import Places
from host.diagnose.upload import upload
from host.machine import metadata
from host.machine.commands import Unanswered

SOURCES: dict[str, Callable[[Places], Any]] = {
    "settings": setup.settings,
    "instance": lambda places: metadata.identity(places.metadata),
    "boot": system.boot,
    "clock": system.clock,
    "setup": setup.progress,
    "verdicts": setup.verdicts,
    "integrity": setup.integrity,
    "failed_units": services.failed,
    "containers": containers.containers,
    "images": containers.images,
    "gpus": containers.gpus,
    "disks": system.disks,
    "memory": system.memory,
    "kernel": system.kernel,
    "sockets": system.sockets,
    "nginx": system.nginx,
    "held_packages": system.held_packages,
    "logs": setup.logs,
    "units": services.units,
}


def main(arguments: list[str]) -> int:
    """Return 0 when the facts were gathered, whatever they say; 1: not uploaded; 2: usage."""
    parser = argparse.ArgumentParser(prog="diagnose.py", description=__doc__)
    parser.add_argument("--upload", action="store_true", help="put it into the bucket, too")
    asked = parser.parse_args(arguments)
    where = places.load(os.environ)
    document = _document(where)
    sys.stdout.write(document + "\n")
    sys.stdout.flush()
    return _upload(document, where) if asked.upload else 0


def _document(where: Places) -> str:
    facts = gather({n: partial(s, where) for n, s in SOURCES.items()}, where.seconds, _say)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return texts.fitted({"at": now, "problems": problems.found(facts)} | facts)


def _upload(document: str, where: Places) -> int:
    try:
        url = upload(document, where, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    except (Unanswered, OSError) as error:
        _say(f"the document was not uploaded: {texts.one_line(str(error))}")
        return 1
    sys.stderr.write(f"{url}\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"diagnose: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
