"""`python -m twin.hosts --folder DIR --origins FILE`: run the hosts until TERM.

Reads the local AWS that AWS_ENDPOINT_URL names. `--engine stub|vllm` chooses what answers.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from twin.forking.client import ForkServer
from twin.hosts.cloud import Cloud
from twin.hosts.engine_unit import Engines
from twin.hosts.runner import Runner
from twin.hosts.systemd import unit
from twin.processes import die_with_parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="twin.hosts")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--origins", type=Path, required=True)
    parser.add_argument("--engine", choices=["stub", "vllm"], default="stub")
    parser.add_argument("--load-seconds", type=float, default=0.5, help="the stub's load time")
    parser.add_argument("--home", type=Path, default=Path.cwd(), help="folder of vLLM's files")
    parser.add_argument("--tied", action="store_true", help="end when the parent process ends")
    options = parser.parse_args()
    if options.tied:
        die_with_parent()
    if not os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
        parser.error("AWS_ENDPOINT_URL must name the local AWS: this must never run against AWS")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    engines = Engines(options.engine, options.load_seconds, options.home)
    server = ForkServer.start(unit.__name__) if hasattr(os, "pidfd_open") else None
    folder, origins = options.folder.resolve(), options.origins.resolve()
    runner = Runner(Cloud(), engines, folder, origins, server)
    asyncio.run(_until_ended(runner))


async def _until_ended(runner: Runner) -> None:
    task = asyncio.create_task(runner.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    main()
