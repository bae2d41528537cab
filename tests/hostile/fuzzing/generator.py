"""The fuzzer's ammunition: request number N of a seed is always the same bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hostile.cases.corpus import CASES
from hostile.fuzzing.drafts import Draft, draft
from hostile.fuzzing.mutations import MUTATIONS, spoiled

_LARGEST_OF_CORPUS = 300_000
_CORPUS = [
    data
    for case in CASES.values()
    if not case.head
    and len(data := b"".join(p for p in case.pieces if isinstance(p, bytes))) < _LARGEST_OF_CORPUS
]


@dataclass(frozen=True)
class Shot:
    """`valid`: must be answered with 200. `framed`: one request, whole; more may follow it."""

    number: int
    pieces: tuple[bytes, ...]
    valid: bool = False
    framed: bool = False

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def head(self) -> bool:
        return self.data.lstrip(b"\r\n").startswith(b"HEAD ")


def shot(seed: int, number: int) -> Shot:
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 -- a fuzzer's dice must repeat
    kind = chance.random()
    if kind < 0.02:
        return Shot(number, (chance.randbytes(chance.randrange(1, 2000)),))
    if kind < 0.10:
        data = chance.choice(_CORPUS)
        return Shot(number, (spoiled(data, chance) if chance.random() < 0.7 else data,))
    made = draft(chance)
    wrongs = 0 if kind < 0.25 else min(4, 1 + int(chance.expovariate(1)))
    for _ in range(wrongs):
        chance.choice(MUTATIONS)(made, chance)
    # what is done to a body after it was cut into chunks is done to their sizes as well
    chunked = any(name == "Transfer-Encoding" for name, _ in made.headers)
    data, framed = encoded(made), made.framed and (wrongs == 1 or not chunked)
    if wrongs and chance.random() < 0.1:
        data, framed = spoiled(data, chance), False
    return Shot(number, _torn(data, chance), valid=not wrongs, framed=framed)


def encoded(made: Draft) -> bytes:
    body = made.encoded()
    headers = list(made.headers)
    names = {name for name, _ in headers}
    if (body or made.method == "POST") and not names & {"Content-Length", "Transfer-Encoding"}:
        headers.append(("Content-Length", str(len(body))))
    lines = [
        f"{made.method} {made.path} {made.version}",
        *(f"{n}: {v}" for n, v in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def _torn(data: bytes, chance: random.Random) -> tuple[bytes, ...]:
    """In one piece mostly, as a network may deliver it otherwise."""
    if chance.random() < 0.9:
        return (data,)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 4)))
    ends = [*cuts, len(data)]
    return tuple(data[a:b] for a, b in zip([0, *cuts], ends, strict=True) if a < b)
