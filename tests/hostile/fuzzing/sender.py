"""Several connections at once, each sending shot after shot and reading what comes of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostile.wire import Answer, Broken, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile.fuzzing.generator import Shot

_QUIET_SECONDS = 0.05  # a shot that may be half a request gets this long before we stop talking
_KEPT_FAILURES = 50


@dataclass
class Tally:
    """What came of all shots; `failures` are those that must not happen."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fail(self, shot: Shot, before: list[int], why: str) -> None:
        self.outcomes["failed"] += 1
        if len(self.failures) < _KEPT_FAILURES:
            after = f" (on one connection after {before[-5:]})" if before else ""
            self.failures.append(f"shot {shot.number}{after}: {why}\n    {shot.data[:600]!r}")


async def fire(port: int, shots: Iterator[Shot], tally: Tally, bound: float) -> None:
    """Send shots until there are none: over one connection for as long as it is good."""
    wire: _Wire | None = None
    for shot in shots:
        wire = wire or await _Wire.open(port)
        try:
            answers = await wire.exchange(shot, bound)
        except TimeoutError:
            tally.fail(shot, wire.sent, f"no answer and no close in {bound} s")
            wire.closed = True
        except Broken as error:
            tally.fail(shot, wire.sent, f"an answer that is no HTTP: {error}")
            wire.closed = True
        else:
            _judge(shot, wire.sent, answers, tally)
        wire.sent.append(shot.number)
        if wire.closed:
            wire.hang_up()
            wire = None
    if wire:
        wire.hang_up()


def _judge(shot: Shot, before: list[int], answers: list[Answer], tally: Tally) -> None:
    tally.outcomes.update(str(answer.status) for answer in answers)
    if not answers:
        tally.outcomes["closed"] += 1
    for answer in answers:
        if answer.status >= 500:
            tally.fail(shot, before, f"{answer.status}: {answer.body[:300]!r}")
    if shot.valid and [answer.status for answer in answers] != [200]:
        tally.fail(shot, before, f"a valid request: {[(a.status, a.body[:200]) for a in answers]}")


class _Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.closed = False
        self.sent: list[int] = []

    @classmethod
    async def open(cls, port: int) -> _Wire:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def exchange(self, shot: Shot, bound: float) -> list[Answer]:
        """Return the final answers; raises TimeoutError, Broken."""
        async with asyncio.timeout(bound):
            await self._send(shot)
            return await self._hear(shot)

    async def _send(self, shot: Shot) -> None:
        with suppress(OSError):  # refused in mid-sentence: the answer may be there already
            for piece in shot.pieces:
                if self._writer.is_closing():
                    return
                self._writer.write(piece)
                await self._writer.drain()
                if len(shot.pieces) > 1:
                    await asyncio.sleep(0)

    async def _hear(self, shot: Shot) -> list[Answer]:
        data, told = b"", False
        while True:
            answers, rest = parse(data, head=shot.head)
            final = [answer for answer in answers if answer.status >= 200]
            if shot.framed and final and not rest:
                self.closed = "close" in (final[-1].header("connection") or "")
                return final
            more = await self._more(None if shot.framed or told else _QUIET_SECONDS)
            if more is None:
                told = True  # half a request, or a whole one that was answered: no more will come
                with suppress(OSError):  # gone in this very moment: the next read says so
                    self._writer.write_eof()
            elif more:
                data += more
            else:
                self.closed = True
                answers, rest = parse(data, head=shot.head, closed=True)
                headless = not answers or shot.head  # HTTP/0.9; a HEAD that was no request
                if rest and (shot.framed or not headless):
                    raise Broken(f"half an answer: {rest[:300]!r}")
                return [answer for answer in answers if answer.status >= 200]

    async def _more(self, seconds: float | None) -> bytes | None:
        """Return b"" once the gateway has closed, None if it is silent for so long."""
        try:
            async with asyncio.timeout(seconds) as quiet:
                return await self._reader.read(1 << 18)
        except TimeoutError:
            if quiet.expired():
                return None
            raise
        except OSError:
            return b""

    def hang_up(self) -> None:
        self._writer.close()
