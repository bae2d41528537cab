"""A Lambda worker of the fork server, which looks like `Popen`."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import IO

from twin.forking.client import Forked, ForkServer

# What the fork server imports before the first worker.
MODULES = ("aws_lambda_powertools", "boto3.dynamodb.conditions", "jinja2", "urllib.request")
SERVICES = (
    "ec2", "dynamodb", "s3", "ssm", "stepfunctions", "route53", "codebuild", "ecr", "events",
    "lambda", "cloudformation", "sts",
)  # fmt: skip


class Worker:
    """Has the part of Popen's interface that ministack uses: stdin, stdout, stderr, pid,
    returncode, poll, wait, terminate, kill.
    """

    def __init__(self, process: Forked, stdin: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self._process, self.pid = process, process.pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and self._process.has_ended():
            self.returncode = 0
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raise TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            if not self._process.has_ended(timeout):
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0)
            self.returncode = 0
        return self.returncode

    def terminate(self) -> None:
        self._process.signal(signal.SIGTERM)

    def kill(self) -> None:
        self._process.signal(signal.SIGKILL)


def fork(server: ForkServer, script: str, *, cwd: str, env: dict[str, str]) -> Worker:
    """Run `script` as __main__ in a child with this folder, environment and three pipes."""
    child_in, our_in = os.pipe()
    our_out, child_out = os.pipe()
    our_err, child_err = os.pipe()
    theirs = [child_in, child_out, child_err]
    process = server.fork(script, [], cwd=cwd, env=env, descriptors=theirs)
    for each in theirs:
        os.close(each)
    return Worker(process, _text(our_in, "w"), _text(our_out, "r"), _text(our_err, "r"))


def _text(descriptor: int, mode: str) -> IO[str]:
    return open(descriptor, mode, encoding="utf-8", errors="replace", buffering=1)
