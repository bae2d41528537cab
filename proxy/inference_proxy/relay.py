"""Carry one admitted request to a backend and its answer back, bytes unchanged.

A stream goes out read by read. Any other answer is taken in whole first: one that breaks off can
then still be told as an error, with a status.
"""

from contextlib import closing
from dataclasses import dataclass

from litestar.types import Receive

from inference_proxy.errors import (
    BackendLost,
    BudgetEnded,
    ClientLeft,
    Headers,
    StreamIncomplete,
    shaped,
)
from inference_proxy.exchange import Exchange
from inference_proxy.routes import Route
from inference_proxy.sse import Events
from inference_proxy.timeouts import Budgets
from inference_proxy.upstream import Answer, Request, Upstream
from inference_proxy.watch import Watch

# What a client hears of the answer's headers, beside its content type.
_RETURNED = ("content-encoding", "cache-control", "retry-after")


@dataclass(frozen=True, slots=True)
class Job:
    """What is sent, how long that may take, and the route whose edit the answer gets."""

    request: Request
    limits: Budgets
    route: Route


async def relay(upstream: Upstream, job: Job, receive: Receive, exchange: Exchange) -> None:
    """Answer the client from a backend. Raises ProxyError, also in mid-stream, and ClientLeft."""
    events, whole = Events(), b""
    try:
        async with Watch(receive, job.limits) as watch:
            with closing(await upstream.send(job.request)) as answer:
                if answer.is_event_stream:
                    await _stream(answer, events, watch, exchange)
                else:
                    whole = await answer.read()
    except (BackendLost, BudgetEnded, ClientLeft):
        if not events.done:  # what goes wrong after [DONE] is nobody's loss
            raise
    # From here on the watch is off: the backend is free and only the last write is left.
    if answer.is_event_stream:
        await exchange.finish()
    else:
        await _reply(answer, whole, job.route, exchange)


async def _stream(answer: Answer, events: Events, watch: Watch, exchange: Exchange) -> None:
    unbuffered = (b"x-accel-buffering", b"no")  # nginx must not collect the tokens either
    await exchange.start(answer.status, answer.content_type, [*_returned(answer), unbuffered])
    while chunk := await answer.next():
        watch.progress()
        if piece := events.feed(chunk):
            await exchange.write(piece)
    if rest := events.flush():
        await exchange.write(rest)
    if not events.done:
        raise StreamIncomplete(events.defect)


async def _reply(answer: Answer, body: bytes, route: Route, exchange: Exchange) -> None:
    kind = answer.content_type
    if answer.is_error:
        kind, body = shaped(answer.status, kind, body)
    elif route.edit:
        body = route.edit(body)
    await exchange.reply(answer.status, kind, body, _returned(answer))


def _returned(answer: Answer) -> Headers:
    given = ((name.encode(), answer.header(name)) for name in _RETURNED)
    return [(name, value) for name, value in given if value is not None]
