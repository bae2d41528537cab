"""Run the app under uvicorn: one process, one loop, drained on SIGTERM."""

import math
import signal
from types import FrameType

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference_proxy.errors import InvalidRequest

# Far longer than nginx keeps its idle connections to us: it never sends into a closed one.
KEEPALIVE_SECONDS = 75
_DRAIN_SLACK_SECONDS = 5


class Protocol(HttpToolsProtocol):
    """Says in OpenAI's shape what is no HTTP."""

    def send_400_response(self, msg: str) -> None:
        body = InvalidRequest(msg).body()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()


class Server(uvicorn.Server):
    """Turns readiness off at the first signal, and exits with 0 once the last request is done."""

    def __init__(self, app: Litestar, *, host: str, port: int) -> None:
        self._gateway = app.state.gateway
        longest = self._gateway.settings.max_timeout + _DRAIN_SLACK_SECONDS
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEPALIVE_SECONDS,
                timeout_graceful_shutdown=math.ceil(longest),
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._gateway.draining = True
