"""The engine of the lab's image: the twin's stub, told by vLLM's flags what vllm.service gives."""

from __future__ import annotations

import argparse

from aiohttp import web
from lamplighter.local.engine import Engine


def main() -> None:
    parser = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    told, _ = parser.parse_known_args()
    app = Engine(told.model, token_seconds=0.0).app()
    web.run_app(app, host=told.host, port=told.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
