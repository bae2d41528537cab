"""`python -m hostile.strangers`: what 500 strangers at once cost, one line for each kind."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from hostile.strangers.costs import CONNECTIONS, KINDS, Cost, measure
from hostile.strangers.stack import stacked


def line(cost: Cost) -> str:
    statuses = ", ".join(str(status) for status in cost.statuses if status) or "none"
    return (
        f"| {cost.kind.name} | {statuses} | {cost.connections} | {cost.each / 1024:.1f} KiB "
        f"| {cost.disk} | {cost.logged // CONNECTIONS} | {cost.engine} |\n"
    )


def main() -> None:
    write = sys.stdout.write
    write("| a stranger who | answer | at once | memory each | disk | log each | engine |\n")
    write("|---|---|---|---|---|---|---|\n")
    for kind in KINDS:  # each with servers that have no memory to use again
        with tempfile.TemporaryDirectory() as folder, stacked(Path(folder)) as stack:
            write(line(measure(stack, kind)))


if __name__ == "__main__":
    main()
