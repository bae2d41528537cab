"""The fork server: imports what every Lambda imports, once, and forks a child for each worker.

A cold start costs 0.8 s of CPU without it (boto3, botocore's service models, powertools) and about
0.05 s with it; the demo has some 35 cold starts. Every worker is still a process of its own.
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
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from twin.emulator.lambdas.forked import MESSAGE_BYTES
from twin.processes import die_with_parent

_SERVICES = (
    "ec2", "dynamodb", "s3", "ssm", "stepfunctions", "route53", "codebuild", "ecr", "events",
    "lambda", "cloudformation", "sts",
)  # fmt: skip
_MODULES = ("aws_lambda_powertools", "boto3.dynamodb.conditions", "jinja2", "urllib.request")


def main() -> None:
    """argv[1]: the descriptor of the socket to the emulator. Ends when the emulator does."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _reap)
    channel = socket.socket(fileno=int(sys.argv[1]))
    _preload()
    gc.freeze()
    channel.send(b"ready")
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 3)
        if not request:
            return
        _serve(channel, json.loads(request), descriptors)


def _preload() -> None:
    """Import the modules, and let every later botocore session share one loader's cache."""
    botocore.session.create_loader = functools.lru_cache(botocore.session.create_loader)
    for module in _MODULES:
        importlib.import_module(module)
    warm = boto3.Session("none", "none", region_name="us-east-1")
    for service in _SERVICES:
        warm.client(service)  # type: ignore[call-overload]
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
    """In the child: take the descriptors, the folder and the environment, and run the script."""
    status = 1
    try:
        die_with_parent()
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        _take(descriptors)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        script = request["script"]
        sys.argv = [script]
        sys.path.insert(0, str(Path(script).parent))
        runpy.run_path(script, run_name="__main__")
        status = 0
    except BaseException:  # noqa: BLE001 - the last stop of a forked child: it must not return
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _take(descriptors: list[int]) -> None:
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
