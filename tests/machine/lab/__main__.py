"""`python -m machine.lab` (in tests/, as root): a lab to look around in, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from machine.lab import packages
from machine.lab.machine import NAME
from machine.lab.whole import lab


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    packages.provide()
    began = time.monotonic()
    with lab() as running:
        running.machine.boot()
        print(f"booted {NAME} after {time.monotonic() - began:.1f} s; a shell in it:")  # noqa: T201
        print(f"  nsenter --target {running.machine.leader()} --all bash")  # noqa: T201
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
