"""`python -m chaos.local`: samples of the faults on real processes, and some quiet minutes.

It takes half an hour of an idle machine. With --page its tables are written into docs/chaos.md.
Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from ports import free_port
from twin import control as twins
from twinlab import Installation

from chaos.goals import missed
from chaos.local import quiet as quiet_minutes
from chaos.local.faults import NAME, SAMPLES
from chaos.local.trial import SPEC, play
from chaos.page import quiet, tables
from chaos.trial import Outcome

_HOURS = 2.0  # that are counted in virtual time, beside the minutes here


def main() -> int:
    options = _options()
    os.environ.pop("PYTHONPATH", None)  # ours: the twin's programs have their own
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the twin ends with us
    with _installed() as aws:
        outcomes = [_played(name, aws) for name in options.faults.split(",")]
        minutes = _quiet(aws, options.minutes) if options.minutes else ""
    table = tables.faults(outcomes, {name: each.fault for name, each in SAMPLES.items()})
    print(f"{table}\n\n{minutes}")  # noqa: T201 - for the operator
    if options.page:
        _write("samples", table)
        if minutes:
            _write("minutes", minutes)
    return int(any(missed(each, SAMPLES[each.fault].fault) for each in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos.local", description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", default=",".join(SAMPLES), help="%(default)s")
    parser.add_argument("--minutes", type=float, default=10, help="quiet ones (%(default)s)")
    parser.add_argument("--page", action="store_true", help="write into docs/chaos.md")
    options = parser.parse_args()
    unknown = set(options.faults.split(",")) - SAMPLES.keys()
    if unknown:
        known = ", ".join(SAMPLES)
        parser.error(f"--faults: {', '.join(sorted(unknown))} is none of {known}")
    if options.minutes < 0:
        parser.error("--minutes is 0 (none are counted) or more")
    return options


@contextmanager
def _installed() -> Iterator[Installation]:
    """The local AWS with the template's own settings: nothing waits shorter than it would."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        twin = twins.up("stub", _say, Path(folder), port=free_port())
        try:
            formation = Installation(twin, {}).client("cloudformation")
            [stack] = formation.describe_stacks(StackName=twin.stack)["Stacks"]
            outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
            yield Installation(twin, outputs)
        finally:
            twins.down(twin.state)


def _played(name: str, aws: Installation) -> Outcome:
    outcome = play(name, SAMPLES[name], aws)
    _say(f"{name}: {'; '.join(missed(outcome, SAMPLES[name].fault)) or 'ok'}")
    return outcome


def _quiet(aws: Installation, minutes: float) -> str:
    """Return the table of a month, by what these minutes had and by virtual time."""
    _say(f"{minutes:g} quiet minutes")
    with redirect_stdout(StringIO()):  # the functions' metrics
        virtual = quiet.count(1, _HOURS)
    aws.down(NAME)
    aws.up(**SPEC)
    return tables.beside(virtual, quiet_minutes.count(aws, minutes, virtual))


def _write(place: str, table: str) -> None:
    text = tables.PAGE.read_text("utf-8")
    said = f'`make chaos-local FLAGS="{" ".join(sys.argv[1:])}"`, {datetime.now(UTC):%Y-%m-%d}.'
    tables.PAGE.write_text(tables.written(text, place, f"{said}\n\n{table}\n"), encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - for the operator


if __name__ == "__main__":
    sys.exit(main())
