"""Run a program of this machine: with a deadline, bounded output and no standard input."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

MOST = 256 * 1024  # bytes of its output that are kept: the last ones
_CHUNK = 64 * 1024


class Unanswered(Exception):
    """Why there is no answer, as a sentence."""


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    out: str
    err: str


def answer(words: Sequence[str], seconds: float, most: int = MOST) -> str:
    """Return what it printed; raise Unanswered when it is absent, too slow, or fails."""
    said = ask(words, seconds, most)
    if said.status != 0:
        why = (said.err or said.out).strip()[-600:] or "it says nothing"
        raise Unanswered(f"{_short(words)} failed with {said.status}: {why}")
    return said.out


def failure(words: Sequence[str], seconds: float) -> str | None:
    """Return None when it succeeded, else what it printed."""
    try:
        said = ask(words, seconds)
    except Unanswered as error:
        return str(error)
    return None if said.status == 0 else (said.err.strip() or f"exit {said.status}")


def ask(words: Sequence[str], seconds: float, most: int = MOST) -> Said:
    """Return status and output, whatever they say; raise Unanswered without a status."""
    until = time.monotonic() + seconds
    try:
        process = subprocess.Popen(  # noqa: S603 - words of this package, never a shell's
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise Unanswered(f"this machine has no {words[0]}") from error
    except OSError as error:
        raise Unanswered(f"{words[0]} cannot be started: {error.strerror}") from error
    try:
        out, err = _read(process, until, most)
        status = process.wait(max(0.1, until - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        _end(process)
        raise Unanswered(f"{_short(words)} gave no answer within {seconds:g} s") from error
    return Said(status, out, err)


def _read(process: subprocess.Popen[bytes], until: float, most: int) -> list[str]:
    """Read both pipes to their ends; a program stuck in the kernel may never close them."""
    pipes: list[IO[bytes]] = [pipe for pipe in (process.stdout, process.stderr) if pipe]
    read = {pipe.fileno(): bytearray() for pipe in pipes}
    sizes = dict.fromkeys(read, 0)
    with selectors.DefaultSelector() as ready:
        for descriptor in read:
            ready.register(descriptor, selectors.EVENT_READ)
        while ready.get_map():
            left = until - time.monotonic()
            if left <= 0 or not (found := ready.select(left)):
                raise TimeoutError
            for key, _ in found:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    ready.unregister(key.fd)
                read[key.fd] = (read[key.fd] + chunk)[-most:]
                sizes[key.fd] += len(chunk)
    for pipe in pipes:
        pipe.close()
    return [decoded(bytes(read[fd]), cut=sizes[fd] > most) for fd in read]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and its children; do not wait for one that cannot be killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.5)


def _short(words: Sequence[str]) -> str:
    return " ".join(words[:2])


def decoded(raw: bytes, *, cut: bool) -> str:
    """Return the text; cut: earlier bytes are missing, so the rest of the first line goes too.

    Half a secret is not recognised as one.
    """
    text = raw.decode(errors="replace")
    if not cut:
        return text
    _, _, whole = text.partition("\n")
    return whole or "(the end of a line that is too long to be shown)"
