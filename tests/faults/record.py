"""The outcomes of a run on disk: continued by the next one, and summed up."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET

from faults.forks import Outcome, Point


class Record:
    """folder: gets outcomes.jsonl, junit.xml and table.md."""

    def __init__(self, folder: Path, outcomes: dict[Point, Outcome]) -> None:
        self._folder, self._outcomes = folder, outcomes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Continue the outcomes of this commit; those of another one are put away."""
        folder.mkdir(parents=True, exist_ok=True)
        commit, kept = folder / "commit", folder / "outcomes.jsonl"
        head = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        ).stdout
        if not commit.exists() or commit.read_text("utf-8") != head or head.endswith("-dirty\n"):
            kept.unlink(missing_ok=True)
            commit.write_text(head, encoding="utf-8")
        lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
        found = [_outcome(line) for line in lines]
        return cls(folder, {each.point: each for each in found})

    def __contains__(self, point: Point) -> bool:
        return point in self._outcomes

    def __len__(self) -> int:
        return len(self._outcomes)

    def add(self, outcome: Outcome) -> None:
        self._outcomes[outcome.point] = outcome
        with (self._folder / "outcomes.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")

    def failures(self) -> list[Outcome]:
        return [each for each in self._outcomes.values() if each.failure]

    def table(self) -> str:
        """Return how many points of each scenario and fault were tried, and how many failed."""
        tried = Counter((each.point.scenario, each.point.fault) for each in self._outcomes.values())
        failed = Counter((each.point.scenario, each.point.fault) for each in self.failures())
        rows = [
            f"| {scenario} | {fault} | {count} | {failed[scenario, fault]} |"
            for (scenario, fault), count in sorted(tried.items())
        ]
        head = ["| scenario | fault | tried | failed |", "|---|---|---|---|"]
        total = f"| all | | {len(self._outcomes)} | {len(self.failures())} |"
        return "\n".join([*head, *rows, total])

    def close(self, command: str, seconds: float) -> None:
        """Write the table, with the command and the date, and a report that CI systems read."""
        said = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {seconds / 60:.0f} minutes"
        table = self._folder / "table.md"
        table.write_text(f"{said}\n\n{self.table()}\n", encoding="utf-8")
        suite = ET.Element("testsuite", name="faults", tests=str(len(self)))
        for each in self._outcomes.values():
            point = each.point
            case = ET.SubElement(
                suite, "testcase", classname=point.scenario, name=f"{point.fault} {each.what}",
                time=f"{each.seconds:.2f}",
            )  # fmt: skip
            if each.failure:
                ET.SubElement(case, "failure").text = each.failure
        ET.ElementTree(suite).write(self._folder / "junit.xml", encoding="unicode")


def _outcome(line: str) -> Outcome:
    kept = json.loads(line)
    return Outcome(**{**kept, "point": Point(**kept["point"])})
