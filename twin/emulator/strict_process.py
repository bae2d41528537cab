"""The process of the strict AWS (awssim), beside ministack's: started, called, read, ended."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from lamplighter import tied

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
REGION = "us-east-1"
ACCOUNT = "000000000000"
_END_SECONDS = 10.0
_CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Known:
    """What it says first. services: boto3's names; images: public parameter -> image id."""

    port: int
    services: tuple[str, ...]
    images: Mapping[str, str]


class StrictProcess:
    """Ends with this process, whatever ends it."""

    def __init__(self, state: Path, rate: float) -> None:
        """Start it. state: the file that it keeps; rate: how fast AWS's time passes."""
        command = ["-m", "awssim.server", "--state", str(state), "--rate", str(rate)]
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-I", "-S", tied.__file__, sys.executable, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=_environment(),
        )  # fmt: skip
        self._known: Known | None = None
        self._kept = threading.local()

    @property
    def known(self) -> Known:
        """Waits until it answers."""
        if self._known is None:
            line = self._process.stdout.readline() if self._process.stdout else ""
            if not line:
                sys.exit("the strict AWS ended at its start: see above")
            self._known = Known(**json.loads(line))
        return self._known

    def changes(self) -> Iterator[dict[str, Any]]:
        """Yield what becomes of instances, until it ends; see awssim.server for the shapes."""
        for line in self._process.stdout or ():
            yield json.loads(line)

    def call(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | str
    ) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, target, body or None, _passed_on(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def client(self, service: str) -> Any:
        """A client for fixes of other services that make something here."""
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=f"http://127.0.0.1:{self.known.port}", region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106 - no secret
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )  # fmt: skip

    def end(self) -> None:
        """Let it save its state and end."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _connection(self) -> http.client.HTTPConnection:
        """One for each thread, kept open; one that was closed opens itself again."""
        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPConnection(
                "127.0.0.1", self.known.port, timeout=_CALL_SECONDS
            )
        connection: http.client.HTTPConnection = self._kept.connection
        return connection


def _environment() -> dict[str, str]:
    """Its own calls end in moto: no endpoint of ours may lead them back here."""
    kept = {name: each for name, each in os.environ.items() if name != "AWS_ENDPOINT_URL"}
    return kept | {"MOTO_ACCOUNT_ID": ACCOUNT}


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """All but what belongs to one connection."""
    own = {"connection", "content-length", "expect", "host", "transfer-encoding"}
    return {name: each for name, each in headers.items() if name.lower() not in own}
