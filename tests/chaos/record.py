"""The outcomes of a run on disk: continued by the next one of the same commit."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET

from chaos.goals import missed
from chaos.trial import Outcome

Key = tuple[str, int, float]  # fault, seed, hours of a quiet time


class Record:
    """folder: gets outcomes.jsonl and junit.xml."""

    def __init__(self, folder: Path, outcomes: dict[Key, Outcome]) -> None:
        self._folder, self._outcomes = folder, outcomes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Continue the outcomes of this commit; those of another one, or of changes, go."""
        folder.mkdir(parents=True, exist_ok=True)
        commit, kept = folder / "commit", folder / "outcomes.jsonl"
        head = _head()
        if not commit.exists() or commit.read_text("utf-8") != head or head.endswith("-dirty\n"):
            kept.unlink(missing_ok=True)
            commit.write_text(head, encoding="utf-8")
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


def _head() -> str:
    """Return the commit; what `make chaos` itself writes does not count as a change."""
    command = ["git", "status", "--porcelain", "--", ".", ":!docs"]
    run = lambda words: subprocess.run(words, capture_output=True, text=True, check=True).stdout  # noqa: E731
    changed = run(command).strip()
    return run(["git", "rev-parse", "HEAD"]).strip() + ("-dirty\n" if changed else "\n")


def _key(line: dict[str, object]) -> Key:
    name, seed, hours = line["key"]  # type: ignore[misc]
    return name, seed, hours
