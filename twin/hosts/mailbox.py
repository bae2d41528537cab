"""Commands to a host that is on: files in a folder of it, each answered by another file.

    python mailbox.py FOLDER systemctl restart vllm@0.service

sends one from a program of the host; stdlib only, for a quick start. A command is a list of words,
its answer an exit status with two texts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

LOOK_SECONDS = 0.05
_PATIENCE = 60.0


class Silence(Exception):
    """The host did not answer: it is off, or it boots."""


@dataclass(frozen=True, slots=True)
class Answer:
    """status: 0 for done; out, err: what the command printed."""

    status: int = 0
    out: str = ""
    err: str = ""


Obey = Callable[[list[str]], Awaitable[Answer]]


def send(folder: Path, words: Sequence[str], seconds: float = _PATIENCE) -> Answer:
    """Return the host's answer; raise Silence without one in time."""
    name = uuid.uuid4().hex
    question, answer = folder / f"{name}.ask", folder / f"{name}.answer"
    until = time.monotonic() + seconds
    try:
        _replace(question, json.dumps(list(words)))
        while not answer.exists():
            if time.monotonic() > until:
                raise Silence(f"no answer within {seconds:g} s to: {' '.join(words)[:80]}")
            time.sleep(LOOK_SECONDS / 2)
        return Answer(**json.loads(answer.read_text("utf-8")))
    except FileNotFoundError as error:
        raise Silence(f"{folder} is not there: the host has never been on") from error
    finally:
        question.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)


async def serve(folder: Path, obey: Obey) -> None:
    """Answer until cancelled, each command in a task of its own; drop what was sent before."""
    _empty(folder)
    async with asyncio.TaskGroup() as tasks:
        while True:
            for answer, words in _taken(folder):
                tasks.create_task(_answer(answer, words, obey))
            await asyncio.sleep(LOOK_SECONDS)


async def _answer(file: Path, words: list[str], obey: Obey) -> None:
    answer = await obey(words)
    _replace(file, json.dumps(asdict(answer)))


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink(missing_ok=True)


def _taken(folder: Path) -> list[tuple[Path, list[str]]]:
    """Return the file for the answer and the words of each command; their senders may withdraw."""
    taken = []
    for question in folder.glob("*.ask"):
        with suppress(FileNotFoundError):
            words = json.loads(question.read_text("utf-8"))
            question.unlink()
            taken.append((question.with_suffix(".answer"), words))
    return taken


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def main(folder: str, *words: str) -> int:
    """Send the words, print what the host printed."""
    try:
        answer = send(Path(folder), words)
    except Silence as error:
        answer = Answer(1, err=f"{error}\n")
    sys.stdout.write(answer.out)
    sys.stderr.write(answer.err)
    return answer.status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
