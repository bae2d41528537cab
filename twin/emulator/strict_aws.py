"""The services that the strict AWS answers for, a process of its own (awssim).

ministack hands their calls over, wherever they come from: HTTP, or a task of Step Functions.
"""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import boto3
import ministack.app
from botocore.config import Config
from lamplighter import tied
from ministack.core import router
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions
from twin.emulator.pinned import require

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
# ministack knows a service by the start of X-Amz-Target, or by the name in the signature.
_TARGETS = {"servicequotas": "ServiceQuotasV20190624."}
_SIGNED = {"service-quotas": "servicequotas"}
_END_SECONDS = 10.0
_CALL_SECONDS = 60.0


class StrictAws:
    """services: boto3's names; images: public parameter -> image id."""

    def __init__(self, state: Path, rate: float) -> None:
        """Start the process and wait until it answers. state: the file that it keeps."""
        command = [sys.executable, "-m", "awssim.server", "--state", str(state),
                   "--rate", str(rate)]  # fmt: skip
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-I", "-S", tied.__file__, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env=_environment(),
        )  # fmt: skip
        first = self._process.stdout.readline() if self._process.stdout else ""
        if not first:
            sys.exit("the strict AWS ended at its start: see above")
        known = json.loads(first)
        self.port: int = known["port"]
        self.services: list[str] = known["services"]
        self.images: dict[str, str] = known["images"]

    def install(self, announce: Callable[[str, str], None]) -> None:
        """announce(instance, state): what EC2 tells EventBridge, in order."""
        require(holds=isinstance(ministack.app.SERVICE_HANDLERS, dict), fix="strict AWS")
        require(holds="ec2" in stepfunctions._AWS_SDK_SERVICE_MAP, fix="strict AWS")  # noqa: SLF001
        for service in self.services:
            name = _SIGNED.get(service, service)
            if name in _TARGETS:
                router.SERVICE_PATTERNS[name] = {"target_prefixes": [_TARGETS[name]]}
            ministack.app.SERVICE_HANDLERS[name] = self._hand_over
        context = contextvars.copy_context()
        reading = threading.Thread(target=context.run, args=(self._read, announce), daemon=True)
        reading.start()

    def client(self, service: str) -> Any:
        """A client for fixes of other services that make something here."""
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=get_region(),
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

    def _read(self, announce: Callable[[str, str], None]) -> None:
        for line in self._process.stdout or ():
            change = json.loads(line)
            announce(change["instance"], change["state"])

    async def _hand_over(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return await asyncio.to_thread(self._call, method, target, headers, body)

    def _call(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | str
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_CALL_SECONDS)
        try:
            connection.request(method, target, body or None, _passed_on(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def _environment() -> dict[str, str]:
    """Its own calls end in moto: no endpoint of ours may lead them back here."""
    kept = {name: each for name, each in os.environ.items() if name != "AWS_ENDPOINT_URL"}
    return kept | {"MOTO_ACCOUNT_ID": get_account_id()}


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """All but what belongs to one connection."""
    own = {"connection", "content-length", "expect", "host", "transfer-encoding"}
    return {name: each for name, each in headers.items() if name.lower() not in own}
