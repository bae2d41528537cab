"""What is asked of each target. The bodies steer the mock: c/answers.h says how."""

import json
from dataclasses import dataclass, replace
from typing import Any, Self

from benchmarks.errors import InvalidChoice

MODEL = "mock-model"
_CHAT = "/v1/chat/completions"
_KIB = 1024
_CHUNKS = 100
_CHUNK_MICROSECONDS = 20_000
_STREAM_SECONDS = _CHUNKS * _CHUNK_MICROSECONDS / 1_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Closed loop: each connection sends its next request once its last answer is complete."""

    name: str
    title: str
    path: str
    document: dict[str, Any]
    connections: int
    ramp: float = 0  # seconds over which the connections start
    chunks: int | None = None  # of each stream; None: plain answers

    @property
    def unit(self) -> str:
        return "request" if self.chunks is None else "chunk"

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode()

    def warm_up(self) -> Self:
        """Return a small one of the same kind: imports and first connections are not measured."""
        if self.chunks is None:
            return self
        document = self.document | {"max_tokens": 10, "seed": 1000}
        return replace(self, document=document, connections=32, ramp=0, chunks=10)


def _chat(**more: Any) -> dict[str, Any]:
    """Return a chat request whose JSON is 1 KiB long."""
    message = {"role": "user", "content": ""}
    document = {"model": MODEL, **more, "messages": [message]}
    message["content"] = "x" * (_KIB - len(json.dumps(document)))
    return document


def _streams(connections: int) -> Load:
    return Load(
        name=f"streams{connections}",
        title=f"{connections} streams, {_CHUNKS} chunks each, 20 ms apart",
        path=_CHAT,
        document=_chat(stream=True, max_tokens=_CHUNKS, seed=_CHUNK_MICROSECONDS),
        connections=connections,
        ramp=_STREAM_SECONDS,
        chunks=_CHUNKS,
    )


LOADS = {
    load.name: load
    for load in (
        _streams(512),
        _streams(128),
        Load("requests", "1 KiB chat requests, 32 connections", _CHAT, _chat(max_tokens=64), 32),
        Load(
            "embeddings",
            "115 KB embedding requests, 10 KB answers, 8 connections",
            "/v1/embeddings",
            {"model": MODEL, "dimensions": _KIB, "input": "x" * 115_000},
            8,
        ),
    )
}
# The goals speak of streams512 and requests. Embeddings are for work on large bodies.
DEFAULT = ("streams512", "streams128", "requests")


def chosen(names: list[str]) -> list[Load]:
    """Raises InvalidChoice."""
    for name in names:
        if name not in LOADS:
            raise InvalidChoice(f"{name!r} is no load: choose from {', '.join(LOADS)}")
    return [LOADS[name] for name in names]
