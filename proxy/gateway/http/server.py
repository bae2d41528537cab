"""Run the gateway under uvicorn: one process, one loop, drained on SIGTERM."""

import math
import signal
from types import FrameType

import uvicorn
from litestar import Litestar

from gateway.http import client_connection

_DRAIN_SLACK_SECONDS = 5


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
                http=client_connection.of(self._gateway),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=client_connection.IDLE_SECONDS,
                timeout_graceful_shutdown=math.ceil(longest),
            )
        )
        self._gateway.connections = self.server_state.connections

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._gateway.draining = True
