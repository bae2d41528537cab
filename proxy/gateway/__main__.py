"""`python -m gateway --host 127.0.0.1 --port 8080 [--config gateway.yaml]`.

settings/gateway_settings.py says what may be set, in the document and in the environment.
"""

import argparse
import os
import sys
from pathlib import Path

from gateway.access.keys_file import InvalidKeysFile
from gateway.core import log
from gateway.core.addresses import is_loopback
from gateway.gateway import Gateway
from gateway.http import file_limit
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings

_MISUSE = 2


def main() -> int:
    arguments = _arguments()
    log.configure()
    file_limit.raise_to_hard()
    try:
        settings = Settings.load(arguments.config, os.environ)
        _refuse_open_network(settings, arguments.host)
        gateway = Gateway(settings, arguments.config, os.environ)
    except (InvalidSetting, InvalidKeysFile) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 -- for the operator
        return _MISUSE
    gateway.server(arguments.host, arguments.port).run()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gateway", description="OpenAI API for vLLM")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", default=8080, type=int, help="port to listen on (%(default)s)")
    parser.add_argument("--config", type=Path, help="settings, as YAML or JSON")
    return parser.parse_args()


def _refuse_open_network(settings: Settings, host: str) -> None:
    """Without keys, listen on loopback only: the port gives access to the GPU."""
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
