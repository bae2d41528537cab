"""Around ministack's ASGI app: every AWS call is identified, may meet a fault, and is recorded."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from twin.emulator import calls, faults
from twin.emulator.calls import Call
from twin.emulator.faults import Fault
from twin.emulator.journal import Journal

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
# The host runner looks at the account twice a second: not worth a record.
_HOSTS = "lamplighter-hosts"
log = logging.getLogger("lamplighter.emulator")


def around(
    app: App, journal: Journal, planned: Path | None, stop_all: Callable[[str], None]
) -> App:
    """stop_all(cause): stops every running execution (what a `kill` fault does first)."""

    async def middleware(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        call, receive = await _identified(scope, receive)
        if call is None:
            return await app(scope, receive, send)
        worker = _worker(scope)

        def record(status: int) -> None:
            if _HOSTS not in _headers(scope).get("user-agent", ""):
                journal.write(call, status, worker)

        fault = faults.take(planned, call)
        if fault is None:
            return await app(scope, receive, _recorded(record, send))
        if fault.when == "after":
            await app(scope, receive, _recorded(record, _nobody))
        else:
            record(fault.status)
        log.warning("fault met call=%s when=%s do=%s", call, fault.when, fault.do)
        return await _meet(fault, call, worker, send, stop_all)

    return middleware


def _recorded(record: Callable[[int], None], send: Send) -> Send:
    """The call is in the journal before its caller hears of it."""

    async def recorded(message: Message) -> None:
        if message["type"] == "http.response.start":
            record(message["status"])
        await send(message)

    return recorded


async def _nobody(_: Message) -> None:
    """The caller never sees this answer."""


async def _identified(scope: dict[str, Any], receive: Receive) -> tuple[Call | None, Receive]:
    """The call, and a `receive` that still yields the whole body."""
    if scope["type"] != "http":
        return None, receive
    headers = _headers(scope)
    body = b""
    if calls.has_form(headers) and calls.service_of(headers):
        body, receive = await read(receive)
    query = scope.get("query_string", b"").decode()
    return calls.identify(headers, scope["method"], scope["path"], query, body), receive


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode().lower(): each.decode("latin-1") for name, each in scope["headers"]}


async def read(receive: Receive) -> tuple[bytes, Receive]:
    """Return the whole body, and a `receive` that yields it once more."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return body, replay


def _worker(scope: dict[str, Any]) -> int | None:
    """The process id of the calling Lambda worker; None for a caller outside."""
    pid = _headers(scope).get("x-lamplighter-worker")
    return int(pid) if pid else None


async def _meet(
    fault: Fault, call: Call, worker: int | None, send: Send, stop_all: Callable[[str], None]
) -> None:
    if fault.do == "kill":
        stop_all("a planned fault killed its worker")
        if worker:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    kind, body = calls.error(call, fault.code, fault.message)
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    status = fault.status if fault.do == "error" else 500
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
