"""`python -m faults`: every fault at every call of every scenario, and schedules by seed.

Outcomes go to dist/faults/outcomes.jsonl as they come: a run that was stopped goes on where it
ended, as long as the commit is the same. Exit code 1: something did not end as it must.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from faults import matrix
from faults.forks import Children, Outcome, Point
from faults.record import Record
from faults.scenarios import SCENARIOS

_EVERY = 15.0  # seconds between two lines of progress


def main() -> int:
    options = _options()
    logging.disable(logging.CRITICAL)
    record = Record.open(options.folder)
    progress = Progress(record)
    children = Children(options.jobs, progress.ended)
    began = time.monotonic()
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):  # the functions' metrics
        for name in options.scenarios.split(","):
            print(f"faults: {name}", file=sys.stderr)  # noqa: T201 - for the operator
            matrix.explore(
                name,
                children,
                lambda p, call, is_first: (
                    p.number % options.every == options.seed % options.every
                    and (not options.crashes or matrix.is_crash(p, call, is_first))
                    and p not in record
                ),
            )
        seeds = range(options.seed, options.seed + options.schedules)
        print(f"faults: {len(seeds)} schedules", file=sys.stderr)  # noqa: T201
        matrix.play(
            (s for s in seeds if Point(matrix.SCHEDULES, "seed", s) not in record), children
        )
    command = f"python -m faults {' '.join(sys.argv[1:])}".strip()
    record.close(command, time.monotonic() - began)
    print(record.table())  # noqa: T201
    for each in record.failures():
        print(f"\n{each.point} at {each.what}\n{each.failure}", file=sys.stderr)  # noqa: T201
    return int(bool(record.failures()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="%(default)s")
    parser.add_argument("--every", type=int, default=1, help="try each n-th call only")
    parser.add_argument(
        "--crashes", action="store_true", help="only crashes, once in each state that one leaves"
    )
    parser.add_argument("--schedules", type=int, default=5000, help="how many seeds (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first one (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("dist/faults"), help="%(default)s")
    options = parser.parse_args()
    unknown = set(options.scenarios.split(",")) - SCENARIOS.keys()
    if unknown:
        parser.error(f"--scenarios: {', '.join(sorted(unknown))} is none of {', '.join(SCENARIOS)}")
    if options.every < 1 or options.schedules < 0 or options.jobs < 1:
        parser.error("--every and --jobs are at least 1, --schedules at least 0")
    return options


class Progress:
    """Records each outcome, and says now and then how far it is."""

    def __init__(self, record: Record) -> None:
        self._record, self._said = record, time.monotonic()

    def ended(self, outcome: Outcome) -> None:
        self._record.add(outcome)
        if outcome.failure or time.monotonic() - self._said > _EVERY:
            self._said = time.monotonic()
            state = "FAILED" if outcome.failure else "ok"
            total, failed = len(self._record), len(self._record.failures())
            text = f"{total} tried, {failed} failed; {outcome.point} {outcome.what}: {state}"
            print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
