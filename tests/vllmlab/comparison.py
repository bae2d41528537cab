"""Ask one thing of the engine directly and through the gateway, and compare the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

from vllmlab.calls.call import Call
from vllmlab.differences import why
from vllmlab.likeness import Answer, ask

_TRIES = 3  # a stream's last words may come with its end, or before it


@dataclass
class Compared:
    """`intended`: how often each intended difference was seen; `different`: all others."""

    alike: int = 0
    intended: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen = "".join(f"\n  {count} {reason}" for reason, count in self.intended.most_common())
        return f"{self.alike} alike, {len(self.different)} different, intended:{seen}"


def compared(calls: Iterable[Call], direct: httpx.Client, through: httpx.Client) -> Compared:
    found = Compared()
    for call in calls:
        pair = _pair(call, direct, through)
        if pair is None:
            found.alike += 1
        elif (reason := why(call, *pair)) is not None:
            found.intended[reason] += 1
        else:
            found.different.append(f"{call}\n  engine: {pair[0]}\n  gateway: {pair[1]}")
    return found


def _pair(call: Call, direct: httpx.Client, through: httpx.Client) -> tuple[Answer, Answer] | None:
    """Return two answers that differ, None if two were found that do not."""
    engines: list[Answer] = []
    for _ in range(_TRIES):
        engines.append(ask(direct, call))
        ours = ask(through, call)
        if ours in engines:
            return None
        if why(call, engines[-1], ours) is not None:
            break
    return engines[-1], ours
