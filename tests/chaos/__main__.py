"""`python -m chaos`: every fault in virtual time; then the picture and the month of docs/chaos.md.

Outcomes go to dist/chaos/outcomes.jsonl as they come: a run that was stopped goes on where it
ended, as long as the code is the same. Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from chaos import scene
from chaos.faults import FAULTS
from chaos.goals import missed
from chaos.page import mix, picture, quiet, tables
from chaos.record import Key, Record
from chaos.trial import Outcome, play

_GROUPS = {
    "strikes": [name for name, fault in FAULTS.items() if not fault.is_quiet],
    "weeks": [name for name, fault in FAULTS.items() if fault.is_quiet],
}


def main() -> int:
    options = _options()
    logging.disable(logging.CRITICAL)
    record = Record.open(options.folder)
    wanted = [(name, options.seed, options.hours) for name in _named(options.faults)]
    with _silent():
        _play([key for key in wanted if key not in record], options.jobs, record.add)
        outcomes = [record[key] for key in wanted]
        if options.page:
            _write(outcomes, options)
    record.close()
    print(tables.faults(outcomes))  # noqa: T201 - for the operator
    return int(any(missed(each) for each in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--faults",
        default="strikes,weeks",
        help=f"%(default)s: all; strikes is {', '.join(_GROUPS['strikes'])}; "
        f"weeks is {', '.join(_GROUPS['weeks'])}",
    )
    parser.add_argument("--seed", type=int, default=1, help="%(default)s")
    parser.add_argument("--hours", type=float, default=168, help="without a fault (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time (%(default)s)")
    parser.add_argument("--page", action="store_true", help="write docs/chaos.md and its picture")
    parser.add_argument("--folder", type=Path, default=Path("dist/chaos"), help="%(default)s")
    options = parser.parse_args()
    unknown = set(_named(options.faults)) - FAULTS.keys()
    if unknown:
        known = ", ".join([*_GROUPS, *FAULTS])
        parser.error(f"--faults: {', '.join(sorted(unknown))} is none of {known}")
    if options.hours <= 0 or options.jobs < 1:
        parser.error("--hours is more than 0, --jobs at least 1")
    return options


def _named(faults: str) -> list[str]:
    return [name for each in faults.split(",") for name in _GROUPS.get(each, [each])]


def _play(keys: list[Key], jobs: int, ended: Callable[[Key, Outcome], None]) -> None:
    """Play each in a process of its own: a fork, which has the saved deployment already. The weeks
    come first: they take longest.
    """
    scene.warm()
    keys = sorted(keys, key=lambda key: not FAULTS[key[0]].is_quiet)
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for key, outcome in pool.imap_unordered(_played, keys):
            ended(key, outcome)
            problems = "; ".join(missed(outcome)) or "ok"
            print(f"{outcome.fault}: {problems} ({outcome.cpu:.0f} s)", file=sys.stderr)  # noqa: T201


def _played(key: Key) -> tuple[Key, Outcome]:
    name, seed, hours = key
    return key, play(name, seed, hours=hours)


def _write(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    """Write the tables of what was played; with every fault the whole page, and its picture."""
    text = tables.PAGE.read_text("utf-8")
    for name, is_quiet in (("faults", False), ("weeks", True)):
        if found := [each for each in outcomes if FAULTS[each.fault].is_quiet is is_quiet]:
            text = tables.written(
                text, name, f"{_said(found, options)}\n\n{tables.faults(found)}\n"
            )
    if any(not FAULTS[each.fault].is_quiet for each in outcomes):
        counted = quiet.count(options.seed, min(options.hours, 24.0))
        text = tables.written(text, "month", tables.month(counted) + "\n")
        text = tables.written(text, "modes", tables.modes() + "\n")
        tables.PICTURE.write_text(picture.drawn(mix.play(options.seed)), encoding="utf-8")
    tables.PAGE.write_text(text, encoding="utf-8")


def _said(outcomes: list[Outcome], options: argparse.Namespace) -> str:
    minutes = sum(each.cpu for each in outcomes) / 60
    command = f'make chaos FLAGS="{" ".join(sys.argv[1:])}"'
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"`{command}`, seed {options.seed}, {when}, {minutes:.0f} minutes of CPU."


@contextmanager
def _silent() -> Iterator[None]:
    """The functions' metrics go nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        yield


if __name__ == "__main__":
    sys.exit(main())
