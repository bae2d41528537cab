"""The API key for our own probes: read from SSM, kept in memory only, never logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from host.probes.check import Check, Verdict

PAUSE = 5.0  # seconds between two attempts: probes come faster than SSM should be called


class ApiKey:
    def __init__(self, ssm: Any, parameter: str, now: Callable[[], float]) -> None:
        self._ssm, self._parameter, self._now = ssm, parameter, now
        self._value: str | None = None
        self._why = ""
        self._next = float("-inf")

    def __repr__(self) -> str:
        return f"ApiKey({self._parameter!r}, ***)"

    def read(self) -> str | Check:
        """Return the key, or why there is none yet (UNSURE: that says nothing about the engine)."""
        if self._value is None and self._now() >= self._next:
            self._next = self._now() + PAUSE
            self._value = self._fetch()
        return self._value or Check(Verdict.UNSURE, self._why)

    def forget(self) -> None:
        """Read it again at the next call, five seconds after the last reading at the earliest."""
        self._value = None
        self._why = f"the gateway refuses the key in {self._parameter}"

    def _fetch(self) -> str | None:
        try:
            answer = self._ssm.get_parameter(Name=self._parameter, WithDecryption=True)
        except ClientError as error:
            self._why = f"{self._parameter} cannot be read: {error.response['Error']['Code']}"
            return None
        except BotoCoreError as error:
            self._why = f"{self._parameter} cannot be read: {type(error).__name__}"
            return None
        return str(answer["Parameter"]["Value"]).strip()
