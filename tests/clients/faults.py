"""How a vLLM fails: what each of the plays does to the wire (`plays.py` lists them)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from clients import answers, streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clients.engine import Call

_EVENTS_BEFORE_FAULT = 2
_EVENTS_BEFORE_CUT = 4
_DRIP_SECONDS = 0.02


def error(status: int, kind: str, said: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": said, "type": kind, "param": param, "code": status}}


def _events(call: Call) -> list[bytes]:
    return streams.STREAMS.get(call.path, streams.chat)(call.document)


async def _begin(call: Call) -> None:
    call.start_stream()
    for event in _events(call)[:_EVENTS_BEFORE_FAULT]:
        call.chunk(event)
        await asyncio.sleep(_DRIP_SECONDS)


async def _refuse(call: Call) -> None:
    said = "This model's maximum context length is 4096 tokens."
    call.reply(error(400, "BadRequestError", said, "input_tokens"), "400 Bad Request")


async def _hang(_: Call) -> None:
    await asyncio.Event().wait()


async def _stall(call: Call) -> None:
    await _begin(call)
    await _hang(call)


async def _drip(call: Call) -> None:
    await _begin(call)
    while True:
        call.chunk(_events(call)[1])
        await asyncio.sleep(_DRIP_SECONDS)


async def _die(call: Call) -> None:
    await _begin(call)
    call.answered = True
    call.transport.abort()


async def _fin(call: Call) -> None:
    await _begin(call)
    call.answered = True
    call.transport.close()


async def _cut(call: Call) -> None:
    call.start_stream()
    for event in _events(call)[:_EVENTS_BEFORE_CUT]:
        call.chunk(event)
    call.end_stream()


async def _abort(call: Call) -> None:
    await _begin(call)
    choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "abort"}
    call.chunk(
        streams.data(answers.head(call.document, *streams.KINDS["chat"]) | {"choices": [choice]})
    )
    call.chunk(streams.DONE)
    call.end_stream()


async def _in_band(call: Call) -> None:
    await _begin(call)
    call.chunk(streams.data(error(500, "InternalServerError", "EngineCore met an issue")))
    call.chunk(streams.DONE)
    call.end_stream()


async def _pings(call: Call) -> None:
    call.start_stream()
    for event in _events(call):
        call.chunk(b": ping\n\n")
        call.chunk(event)
    call.end_stream()


async def _garbage(call: Call) -> None:
    call.answered = True
    call.write(b"HTTP/2 OK nonsense\r\n\r\n\x00\xff")
    call.transport.close()


FAULTS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "refuse": _refuse, "hang": _hang, "stall": _stall, "drip": _drip, "die": _die, "fin": _fin,
    "cut": _cut, "abort": _abort, "error": _in_band, "pings": _pings, "garbage": _garbage,
}  # fmt: skip
