"""A run as one JSON document: machine, versions, every sample, what they come to."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.report.goals import judge
from benchmarks.report.summary import summarise
from benchmarks.runs.rounds import Plan
from benchmarks.runs.sample import Sample
from benchmarks.system import machine


def target_versions(plan: Plan) -> dict[str, str]:
    """Return each target's; asked before a run, so that what is missing is missed at once.

    Raises MissingProgram.
    """
    return {target.name: target.version() for target in plan.targets}


def document(plan: Plan, versions: dict[str, str], samples: list[Sample]) -> dict[str, Any]:
    summary = summarise(samples)
    return {
        "machine": machine.describe(),
        "versions": versions,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "costs": [asdict(cost) for cost in summary.costs],
        "goals": [asdict(verdict) for verdict in judge(summary)],
        "samples": [asdict(sample) for sample in samples],
    }


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def read_samples(path: Path) -> list[Sample]:
    content = json.loads(path.read_text("utf-8"))
    return [Sample.from_document(entry) for entry in content["samples"]]
