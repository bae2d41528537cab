"""`python -m twin.hosts.agent`: the real agent of the deployment's scripts, by this host's clock.

CLOCK_FILE: a file that holds by how many seconds that clock is wrong; without it, it is right.
"""

from __future__ import annotations

import os
import runpy
import time
from collections.abc import Callable
from pathlib import Path


def shifted(file: Path, real: Callable[[], float] = time.time) -> Callable[[], float]:
    """Return a clock that is wrong by what the file says at that moment."""

    def now() -> float:
        try:
            return real() + float(file.read_text(encoding="ascii"))
        except OSError:
            return real()

    return now


def main() -> None:
    time.time = shifted(Path(os.environ["CLOCK_FILE"]))
    runpy.run_module("host.agent", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
