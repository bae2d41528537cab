"""The engine of the lab's image: the twin's stub behind flags of vLLM's, and no others."""

from __future__ import annotations

import argparse
from typing import Any

from aiohttp import web
from twin.engines.stub import Engine


def main() -> None:
    parser = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tensor-parallel-size", type=int)
    parser.add_argument("--pipeline-parallel-size", type=int)
    parser.add_argument("--gpu-memory-utilization", type=float)
    parser.add_argument("--max-num-seqs", type=int)
    parser.add_argument("--enable-auto-tool-choice", action="store_true")
    parser.add_argument("--tool-call-parser")
    given = parser.parse_args()
    if given.tool_call_parser not in {None, "hermes"}:
        raise KeyError(
            f"invalid tool call parser: {given.tool_call_parser} (chose from {{ hermes }})"
        )
    app = Engine(given.model, token_seconds=0.0).app()
    # As vLLM does, no request that runs is finished when it has to end.
    options: dict[str, Any] = {"print": None, "access_log": None, "shutdown_timeout": 0.1}
    web.run_app(app, host=given.host, port=given.port, **options)


if __name__ == "__main__":
    main()
