"""The outcomes of a run on disk: continued by the next one of the same code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree as ET

from chaos.goals import missed
from chaos.trial import Outcome

_ROOT = Path(__file__).parents[2]
_DECIDING = (
    *("template.yaml", "statemachine", "functions/orchestrator", "host_scripts/host", "awssim"),
    *("tests/simlab", "tests/simulation/replacement.py", "tests/contracts/aws_events.json"),
    *(f"tests/chaos/{name}.py" for name in ("client", "faults", "scene", "strikes", "trial")),
)
Key = tuple[str, int, float]  # fault, seed, hours of a quiet time


class Record:
    """folder: gets outcomes.jsonl and junit.xml."""

    def __init__(self, folder: Path, outcomes: dict[Key, Outcome]) -> None:
        self._folder, self._outcomes = folder, outcomes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Continue the outcomes of the same code; those of another state of it go."""
        folder.mkdir(parents=True, exist_ok=True)
        code, kept = folder / "code", folder / "outcomes.jsonl"
        now = _code()
        if not code.exists() or code.read_text("utf-8") != now:
            kept.unlink(missing_ok=True)
            code.write_text(now, encoding="utf-8")
        lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
        found = [json.loads(line) for line in lines]
        return cls(folder, {_key(each): Outcome.of(each["outcome"]) for each in found})

    def __contains__(self, key: Key) -> bool:
        return key in self._outcomes

    def __getitem__(self, key: Key) -> Outcome:
        return self._outcomes[key]

    def add(self, key: Key, outcome: Outcome) -> None:
        self._outcomes[key] = outcome
        line = {"key": key, "outcome": asdict(outcome)}
        with (self._folder / "outcomes.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Write a report that CI systems read."""
        suite = ET.Element("testsuite", name="chaos", tests=str(len(self._outcomes)))
        for (name, seed, _), each in self._outcomes.items():
            case = ET.SubElement(
                suite, "testcase", classname=name, name=f"seed {seed}", time=f"{each.cpu:.2f}"
            )
            if problems := missed(each):
                ET.SubElement(case, "failure").text = "\n".join(problems)
        ET.ElementTree(suite).write(self._folder / "junit.xml", encoding="unicode")


def _code() -> str:
    """Return a hash of everything that decides an outcome; what judges and shows it is left out."""
    files = [path for source in _DECIDING for path in _below(_ROOT / source)]
    text = "".join(f"{path}\0{path.read_text('utf-8')}\0" for path in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()


def _below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.suffix in {".py", ".yaml", ".json"}]


def _key(line: dict[str, Any]) -> Key:
    name, seed, hours = line["key"]
    return str(name), int(seed), float(hours)
