"""`python -m benchmarks --help`; `make bench` installs the peers first."""

import argparse
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import BUILD, RESULTS, loads
from benchmarks.errors import BenchmarkError, InvalidChoice
from benchmarks.report import plot, record, table
from benchmarks.report.goals import judge
from benchmarks.report.summary import summarise
from benchmarks.runs.rounds import Plan, run
from benchmarks.targets import catalogue as targets

_ROUNDS, _SECONDS = 3, 10.0
_QUICK_ROUNDS, _QUICK_SECONDS = 1, 4.0
_GOAL_MISSED, _MISUSE = 1, 2


def main() -> int:
    # Ended from outside, the targets are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _arguments()
    try:
        plan = _plan(arguments)
        versions = record.target_versions(plan)
        samples = run(plan, BUILD / "run", _tell)
    except BenchmarkError as error:
        _tell(f"benchmarks: {error}")
        return _MISUSE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    content = record.document(plan, versions, samples)
    summary = summarise(samples)
    verdicts = judge(summary)
    if arguments.json:
        sys.stdout.write(json.dumps(content) + "\n")
    else:
        table.show(table.console(), plan.loads, summary, verdicts)
    _write(arguments.output, content, plot.draw(summary, plan.loads, content["machine"]))
    missed = any(verdict.met is False for verdict in verdicts)
    return _GOAL_MISSED if arguments.check and missed else 0


def _write(path: Path, content: dict[str, object], picture: str) -> None:
    record.write(path.with_suffix(".json"), content)
    path.with_suffix(".svg").write_text(picture, "utf-8")
    _tell(f"written: {path.with_suffix('.json')} and .svg")


def _tell(text: str) -> None:
    """Progress goes to standard error: standard output is the result alone."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _plan(arguments: argparse.Namespace) -> Plan:
    rounds = arguments.rounds or (_QUICK_ROUNDS if arguments.quick else _ROUNDS)
    seconds = arguments.seconds or (_QUICK_SECONDS if arguments.quick else _SECONDS)
    if rounds < 1 or seconds <= 0:
        raise InvalidChoice("--rounds and --seconds must be above 0")
    return Plan(
        targets=targets.chosen(arguments.targets or [*targets.OURS, *arguments.peers]),
        loads=loads.chosen(arguments.loads),
        rounds=rounds,
        seconds=seconds,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    say = parser.add_argument
    names: dict[str, Any] = {"type": _names, "metavar": "A,B"}
    say("--peers", **names, default=list(targets.PEERS), help="beside ours and nginx alone")
    say("--targets", **names, help="exactly these, instead of ours, nginx and the peers")
    say("--loads", **names, default=list(loads.DEFAULT), help=f"of {', '.join(loads.LOADS)}")
    say("--rounds", type=int, help=f"default {_ROUNDS}")
    say("--seconds", type=float, help=f"of each load, default {_SECONDS:g}")
    say("--quick", action="store_true", help="one short round: for a look, not for a verdict")
    say("--check", action="store_true", help="end with 1 if a goal is missed")
    say("--json", action="store_true", help="print the results as JSON instead of the table")
    say("--output", type=Path, default=_output(), help="results, without the suffix (%(default)s)")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    """Separated by commas or blanks, as make has them."""
    return text.replace(",", " ").split()


def _output() -> Path:
    return RESULTS / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")


if __name__ == "__main__":
    sys.exit(main())
