"""One request for a page: headers that every answer carries, and its access record.

Inference requests are taken over in `client_connection`: these are browsers, monitors and scanners.
"""

import time

from litestar.types import HTTPScope, Message, Send

from gateway.core.request_record import RequestRecord
from gateway.pages.health import WATCHED
from gateway.request.head import request_id
from gateway.telemetry.recorder import Recorder

_CLIENT_LEFT = 499


class PageRequest:
    """`send` is what the application gets instead of the server's; `end` is called once."""

    def __init__(self, scope: HTTPScope, send: Send, client: str, recorder: Recorder) -> None:
        self._send = send
        self._recorder = recorder
        self._began = time.perf_counter()
        self._id = request_id(dict(scope["headers"]).get(b"x-request-id"))
        self._record = RequestRecord(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            request_id=self._id.decode(),
            client=client,
        )
        self._record.began = time.time()
        self._record.status = _CLIENT_LEFT  # until there is an answer

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
            ours = [(b"x-request-id", self._id), (b"x-content-type-options", b"nosniff")]
            message["headers"] = [*message["headers"], *ours]
        elif message["type"] == "http.response.body":
            self._record.response_bytes += len(message["body"])
        await self._send(message)

    def end(self) -> None:
        if self._record.path not in WATCHED:
            self._record.seconds = time.perf_counter() - self._began
            self._recorder.record(self._record)
