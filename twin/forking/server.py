"""The fork server: imports what its children need, once, and forks a child for each request.

A start of Python with boto3, botocore's service models and powertools costs 0.8 s of CPU without it
and about 0.05 s with it; the demo has some 40 of them. Every child is a process of its own.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from twin.forking.client import MESSAGE_BYTES, READY
from twin.processes import die_with_parent, show_as


def main() -> None:
    """argv: the descriptor of the socket to the client, a module with MODULES and SERVICES.

    Ends when the client does.
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _reap)
    channel = socket.socket(fileno=int(sys.argv[1]))
    wanted = importlib.import_module(sys.argv[2])
    _preload(wanted.MODULES, wanted.SERVICES)
    gc.freeze()
    channel.send(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 3)
        if not request:
            return
        _serve(channel, json.loads(request), descriptors)


def _preload(modules: Sequence[str], services: Sequence[str]) -> None:
    """Import the modules, and let every later botocore session share one loader's cache."""
    botocore.session.create_loader = functools.lru_cache(botocore.session.create_loader)
    for module in modules:
        importlib.import_module(module)
    warm = boto3.Session("none", "none", region_name="us-east-1")
    for service in services:
        warm.client(service)  # type: ignore[call-overload]
    if "dynamodb" in services:
        warm.resource("dynamodb")


def _serve(channel: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
    """Fork; the parent answers with the child's id and a pidfd, made before it can be reaped."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        channel.close()
        _become(request, descriptors)
    pidfd = os.pidfd_open(pid)
    socket.send_fds(channel, [str(pid).encode()], [pidfd])
    for each in (pidfd, *descriptors):
        os.close(each)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _reap(_number: int, _frame: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """In the child: take the descriptors, the folder and the environment, and run the program."""
    status: Any = 1
    try:
        die_with_parent()
        os.setsid()
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        _take(descriptors)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        show_as(Path(request["program"]).name)
        _run(request["program"], request["arguments"])
        status = 0
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):
            sys.stderr.write(f"{status}\n")
    except BaseException:  # noqa: BLE001 - the last stop of a forked child: it must not return
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))


def _run(program: str, arguments: list[str]) -> None:
    """Run a file, or a module by its name, as __main__; as a new interpreter would."""
    found = os.environ.get("PYTHONPATH", "")
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    sys.path[:0] = [each for each in found.split(os.pathsep) if each and each not in sys.path]
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        sys.path.insert(0, str(Path(program).parent))
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def _take(descriptors: list[int]) -> None:
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
