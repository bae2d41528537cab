"""`python -m changes`: every change under a client on the local AWS; then docs/changes.md.

Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ports import free_port
from twin import control as twins
from twinlab import Installation

from changes import page
from changes.client import A_SECOND
from changes.scenarios import SCENARIOS, Outcome, play

# Short waits that AWS needs long: a dead step's last act, invisible tags, a silent host.
_PARAMETERS = {"StepTimeoutSeconds": "10", "SettleSeconds": "2", "HostSilenceSeconds": "30"}


def main() -> int:
    options = _options()
    wanted = [each for each in SCENARIOS if options.only in each.name]
    outcomes: list[Outcome] = []
    with _installed() as aws:
        for scenario in wanted:
            outcomes.append(play(aws, scenario, options.longest))
            last = outcomes[-1]
            said = "; ".join(last.problems) or "ok"
            print(f"{last.name}: {said}", file=sys.stderr, flush=True)  # noqa: T201
            if options.page:
                _write(outcomes, options)
    print(page.table(outcomes))  # noqa: T201 - for the operator
    return int(any(each.problems for each in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="changes", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a part of the scenario's name")
    parser.add_argument(
        "--longest", type=int, default=60, help="seconds of the longest stream (%(default)s)"
    )
    parser.add_argument("--page", action="store_true", help="write docs/changes.md")
    options = parser.parse_args()
    if not any(options.only in each.name for each in SCENARIOS):
        names = ", ".join(dict.fromkeys(each.name for each in SCENARIOS))
        parser.error(f"--only: {options.only!r} is in none of: {names}")
    if not 1 <= options.longest <= 60:
        parser.error("--longest is 1 to 60")
    return options


@contextmanager
def _installed() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="lamplighter-changes-") as folder:
        state = Path(folder)
        twin = twins.up("stub", _quiet, state, port=free_port(), parameters=_PARAMETERS)
        try:
            found = Installation(twin, {}).client("cloudformation").describe_stacks()["Stacks"]
            [stack] = [each for each in found if each["StackName"] == twin.stack]
            outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
            yield Installation(twin, outputs)
        finally:
            twins.down(state)


def _quiet(_: str) -> None:
    """The twin's own progress is not shown."""


def _write(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    command = f'make changes FLAGS="{" ".join(sys.argv[1:])}"'
    said = (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: {A_SECOND} requests a second, half of them "
        f"streams of 1 to {options.longest} s."
    )
    text = page.PAGE.read_text("utf-8")
    page.PAGE.write_text(page.written(text, said, outcomes), encoding="utf-8")
    page.PICTURE.write_text(page.drawn(outcomes), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
