"""`python -m gateway --host 127.0.0.1 --port 8080 [--config gateway.yaml]`.

settings/gateway_settings.py says what may be set, in the document and in the environment.
"""

import argparse
import os
import socket
import sys
from pathlib import Path

from gateway.access.keys import InvalidKeysFile
from gateway.core import log
from gateway.gateway import is_loopback
from gateway.http import file_limit
from gateway.http.app import create_app
from gateway.http.server import Server
from gateway.settings.gateway_settings import InvalidSetting, Settings

_MISUSE = 2


def main() -> int:
    arguments = _arguments()
    log.configure()
    file_limit.raise_to_hard()
    try:
        settings = Settings.load(arguments.config, os.environ)
        _refuse_open_door(settings, arguments.host)
        app = create_app(settings, arguments.config, os.environ)
    except (InvalidSetting, InvalidKeysFile) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 -- for whoever started it
        return _MISUSE
    Announced(app, host=arguments.host, port=arguments.port).run()
    return 0


class Announced(Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            log.event("listening", url=f"http://{host}:{self.config.port}/v1")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI API for vLLM")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", default=8080, type=int, help="port to listen on (%(default)s)")
    parser.add_argument("--config", type=Path, help="settings, as YAML or JSON")
    return parser.parse_args()


def _refuse_open_door(settings: Settings, host: str) -> None:
    """Without keys everyone who reaches the port may use the GPU: only this machine may."""
    if settings.keys_file is not None or settings.jwt is not None:
        return
    if not is_loopback(host):
        raise InvalidSetting(
            f"--host is {host!r} and no keys are configured: set INFERENCE_KEYS_FILE, "
            "or listen on 127.0.0.1"
        )
    log.logger.warning("open to every process of this machine: INFERENCE_KEYS_FILE is not set")


if __name__ == "__main__":
    sys.exit(main())
