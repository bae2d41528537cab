"""The orchestrator's order to this host: one SSM parameter, none while there is nothing to do.

    {"drain": {"refuse_from": "2026-11-28T12:00:00Z", "retry_after_seconds": 30}}

What cannot be read changes nothing: the order that was read last stays in force. An order is
withdrawn by deleting the parameter.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_DAY = 86_400  # seconds
_FIRST_YEAR = 2000

log = logging.getLogger("lamplighter.agent")


@dataclass(frozen=True, slots=True)
class Drain:
    """New requests are refused from refuse_from on (seconds since the epoch)."""

    refuse_from: float
    retry_after_seconds: int


class Malformed(ValueError):
    """Not an order that this host knows."""


def parameter(deployment: str, instance_id: str) -> str:
    return f"/lamplighter/{deployment}/hosts/{instance_id}"


class Orders:
    """every, now: seconds; SSM is asked no more often than that."""

    def __init__(self, ssm: Any, name: str, every: float, now: Callable[[], float]) -> None:
        self._ssm, self._name, self._every, self._now = ssm, name, every, now
        self._next = float("-inf")
        self._drain: Drain | None = None
        self._problem: str | None = None

    def drain(self) -> Drain | None:
        """Return the order in force; a problem is logged once, when it begins."""
        if self._now() < self._next:
            return self._drain
        self._next = self._now() + self._every
        before, problem = self._drain, None
        try:
            self._drain = self._read()
        except (ClientError, BotoCoreError, Malformed) as error:
            problem = _named(error)
        if problem and problem != self._problem:
            log.warning("order ignored parameter=%s problem=%s", self._name, problem)
        if self._drain != before:
            log.info("order changed parameter=%s order=%s", self._name, self._drain)
        self._problem = problem
        return self._drain

    def _read(self) -> Drain | None:
        try:
            text = self._ssm.get_parameter(Name=self._name)["Parameter"]["Value"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise
        return parse(text)


def parse(text: str) -> Drain:
    """Raise Malformed for anything that is not exactly an order to drain."""
    try:
        order = json.loads(text)
        at, seconds = order["drain"]["refuse_from"], order["drain"]["retry_after_seconds"]
        refuse_from = datetime.fromisoformat(at.replace("Z", "+00:00"))  # noqa: FURB162 - for 3.10
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed(f"it is no order to drain: {type(error).__name__}") from error
    if order.keys() != {"drain"}:
        raise Malformed("it holds more than an order to drain")
    if refuse_from.tzinfo is None or refuse_from.year < _FIRST_YEAR:
        raise Malformed("refuse_from is not a time of ours with its zone")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= _DAY:
        raise Malformed("retry_after_seconds is not a whole number of seconds, a day at most")
    return Drain(refuse_from.timestamp(), seconds)


def _named(error: ClientError | BotoCoreError | Malformed) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return str(error) if isinstance(error, Malformed) else type(error).__name__
