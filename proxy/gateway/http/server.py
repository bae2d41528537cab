"""Run the gateway under uvicorn: one process, one loop, drained on SIGTERM."""

import math
import signal
import socket
from types import FrameType

import uvicorn
from litestar import Litestar

from gateway.access.client_address import ClientAddresses
from gateway.core.log import event
from gateway.http import client_connection
from gateway.relay.services import Services

_DRAIN_SLACK_SECONDS = 5


class Server(uvicorn.Server):
    """Turns readiness off at the first signal, and exits with 0 once the last request is done."""

    def __init__(
        self,
        app: Litestar,
        services: Services,
        addresses: ClientAddresses,
        *,
        host: str,
        port: int,
    ) -> None:
        self._state = services.state
        longest = services.settings.max_timeout + _DRAIN_SLACK_SECONDS
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="uvloop",
                http=client_connection.of(services, addresses),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=math.ceil(services.settings.idle_seconds),
                timeout_graceful_shutdown=math.ceil(longest),
            )
        )
        self._state.connections = self.server_state.connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            event("listening", url=f"http://{host}:{self.config.port}/v1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._state.draining = True
