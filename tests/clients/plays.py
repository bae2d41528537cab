"""What the played vLLM does with a request: answers it, or the fault that the request asks for.

A request's own `"lab": {"id": ..., "play": ...}` names the fault; the gateway passes unknown fields
on unchanged, so any client in any language can ask. One that adds no fields says it in its prompt:
`[lab:ID PLAY]`. The plays:

status 400 NAME 2   the first two requests of this NAME are answered with that status, then well
refuse              vLLM's 400 for a prompt that is too long
hang                nothing at all, for ever
stall               two events, then nothing, for ever
drip                an event every 20 ms, for ever
die, fin            two events, then the connection is reset, or closed without its last chunk
cut                 four events, and an end that is well in HTTP alone
abort               vLLM is stopped: finish_reason "abort" and [DONE]
error               vLLM's in-stream error after two events, then [DONE]
pings               a comment before each event
garbage             an answer that is no HTTP
run COMMAND         a call of the agent's shell, then well (`tool_calls.py`)
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from clients import answers, streams
from clients.faults import FAULTS, error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clients.engine import Call, Engine

_TITLES = {400: "Bad Request", 429: "Too Many Requests", 503: "Service Unavailable"}
# What the gateway lets pass and this engine has not: stored responses, for example.
_NOT_HERE = re.compile(
    r"/v1/responses/[^/]+|/v1/chat/completions/batch|/v1/decisions|/v1/systemone|/v2/embed"
    r"|/tokenizer_info|/v1/responses/[^/]+/cancel"
)
_IN_PROMPT = re.compile(rb"\[lab:([\w-]+) ([^\]]+)\]")
_FORM_FIELD = re.compile(rb'name="(\w+)"\r\n\r\n([^\r\n]*)\r\n')


def answer(engine: Engine, call: Call) -> None:
    """Answer like vLLM, except where the request asks for a fault."""
    if call.path in _READS and call.method == "GET":
        call.reply(_READS[call.path]())
    elif _NOT_HERE.fullmatch(call.path):
        call.reply({"detail": "Not Found"}, "404 Not Found")
    elif call.path not in answers.ANSWERS or call.method != "POST":
        engine.defect("not an inference request", f"{call.method} {call.path}".encode())
        call.reply({"detail": "Not Found"}, "404 Not Found")
    elif not _understood(call):
        engine.defect("no JSON object", call.body)
        call.reply(error(400, "Bad Request", "1 validation error: body"), "400 Bad Request")
    else:
        _play(engine, call)


_READS: dict[str, Callable[[], Any]] = {
    "/v1/models": answers.listing,
    "/version": lambda: {"version": "0.32.0"},
    "/health": lambda: b"",
}


def _understood(call: Call) -> bool:
    if call.headers.get("content-type", "").startswith("multipart/form-data"):
        call.document = {name.decode(): value for name, value in _form(call.body)}
        return True
    try:
        call.document = json.loads(call.body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    if not isinstance(call.document, dict):
        return False
    if found := _IN_PROMPT.search(call.body):
        call.document.setdefault("lab", {"id": found[1].decode(), "play": found[2].decode()})
    return True


def _form(body: bytes) -> list[tuple[bytes, Any]]:
    found = _FORM_FIELD.findall(body)
    return [(n, v == b"true" if n == b"stream" else v.decode("latin-1")) for n, v in found]


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def _play(engine: Engine, call: Call) -> None:
    name, *arguments = str(call.lab.get("play", "well")).split(" ")
    if name == "status":
        _fail_first(engine, call, int(arguments[0]), arguments[1], int(arguments[2]))
    elif name in FAULTS:
        task = asyncio.ensure_future(_until_gone(call, FAULTS[name](call)))
        engine.tasks.add(task)
        task.add_done_callback(engine.tasks.discard)
    else:
        _well(call)


def _well(call: Call) -> None:
    asked = call.document
    if answers.model_of(asked) not in answers.MODELS:
        _unknown_model(call)
    elif asked.get("stream") is True and call.path in streams.STREAMS:
        call.start_stream()
        for event in streams.STREAMS[call.path](asked):
            call.chunk(event)
        call.end_stream()
    else:
        call.reply(answers.ANSWERS[call.path](asked))


def _unknown_model(call: Call) -> None:
    said = f"The model `{answers.model_of(call.document)[:100]}` does not exist."
    call.reply(error(404, "NotFoundError", said, "model"), "404 Not Found")


def _fail_first(engine: Engine, call: Call, status: int, name: str, times: int) -> None:
    engine.counters[name] = engine.counters.get(name, 0) + 1
    if engine.counters[name] > times:
        _well(call)
        return
    said = error(status, "PlayedError", f"failure {engine.counters[name]}")
    call.reply(said, f"{status} {_TITLES.get(status, 'Played')}", retry_after="1")


async def _until_gone(call: Call, play: Awaitable[None]) -> None:
    """Play until the play ends or the gateway hangs up."""
    playing = asyncio.ensure_future(play)
    leaving = asyncio.ensure_future(call.gone.wait())
    await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (playing, leaving):
        task.cancel()
    await asyncio.gather(playing, leaving, return_exceptions=True)
