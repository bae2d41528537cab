"""One request for a page: what every answer carries, and what is told of it.

Inference requests do not come by here, `protocol` takes them over: these are people, monitors, and
whatever looks for a door.
"""

import time

from litestar.types import HTTPScope, Message, Send

from gateway.core.request_record import Facts
from gateway.pages.health import WATCHED
from gateway.request.head import request_id
from gateway.telemetry.recorder import Telling

_CLIENT_LEFT = 499


class Visit:
    """`send` is what the application gets instead of the server's; `end` is called once."""

    def __init__(self, scope: HTTPScope, send: Send, client: str, telling: Telling) -> None:
        self._send = send
        self._telling = telling
        self._began = time.perf_counter()
        self._id = request_id(dict(scope["headers"]).get(b"x-request-id"))
        self._facts = Facts(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            request_id=self._id.decode(),
            client=client,
            began=time.time(),
            status=_CLIENT_LEFT,  # until there is an answer
        )

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._facts.status = message["status"]
            ours = [(b"x-request-id", self._id), (b"x-content-type-options", b"nosniff")]
            message["headers"] = [*message["headers"], *ours]
        elif message["type"] == "http.response.body":
            self._facts.response_bytes += len(message["body"])
        await self._send(message)

    def end(self) -> None:
        if self._facts.path not in WATCHED:
            self._facts.seconds = time.perf_counter() - self._began
            self._telling.answered(self._facts)
