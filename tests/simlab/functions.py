"""Lambda: the real entry points, in this process, with the environment of the template."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Self
from unittest import mock
from uuid import UUID

import boto3
from awssim import Crash
from botocore.config import Config

from simlab.schedule import OutOfTime, VirtualClock
from simlab.template import Function
from simlab.workflows.failure import Failed

_MEMORY = 512


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands to a handler beside the event."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: int = _MEMORY


class Lambda:
    """Every invocation finds a new environment: nothing that an earlier one kept in memory.

    request_id: returns the id of the next invocation. invocations: how many there were.
    """

    def __init__(
        self,
        clock: VirtualClock,
        functions: Mapping[str, Function],
        request_id: Callable[[], UUID],
    ) -> None:
        self._clock, self._functions, self._request_id = clock, functions, request_id
        self._kept: list[Any] = []
        self.invocations = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The functions' code knows this clock, and its AWS clients are built once a process."""
        modules = self._loaded()
        found = [value for module in modules for value in vars(module).values()]
        self._kept = [each for each in found if _is_kept(each)]
        virtual = _datetime(self._clock)
        with ExitStack() as patches:
            patches.enter_context(mock.patch.object(boto3, "client", _client))
            for module in modules:
                if getattr(module, "datetime", None) is datetime:
                    patches.enter_context(mock.patch.object(module, "datetime", virtual))
            yield

    def _loaded(self) -> list[Any]:
        """Load the code of every function; return the modules of its packages."""
        packages = {function.handler.partition(".")[0] for function in self._functions.values()}
        for function in self._functions.values():
            _entry(function.handler)
        return [m for name, m in list(sys.modules.items()) if name.partition(".")[0] in packages]

    def __getitem__(self, arn: str) -> Function:
        if arn not in self._functions:
            raise Failed("Lambda.ResourceNotFoundException", f"Function not found: {arn}")
        return self._functions[arn]

    def invoke(self, arn: str, event: Any) -> Any:
        """Return the handler's answer; raise Failed as Step Functions sees the failure."""
        self.invocations += 1
        function = self[arn]
        context = Context(function.name, arn, str(self._request_id()))
        handler = _entry(function.handler)
        for kept in self._kept:
            kept.cache_clear()
        self._clock.deadline = self._clock.seconds + function.timeout
        try:
            with mock.patch.dict(os.environ, function.environment):
                return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))
        except OutOfTime:
            text = f"Task timed out after {function.timeout:.2f} seconds"
            raise _failed("Sandbox.Timedout", text, context) from None
        except Crash as crash:
            raise _failed("Runtime.ExitError", str(crash), context) from None
        except Exception as error:
            raise _failed(type(error).__name__, str(error), context) from error
        finally:
            self._clock.deadline = float("inf")


def _failed(kind: str, message: str, context: Context) -> Failed:
    document = {"errorMessage": message, "errorType": kind, "requestId": context.aws_request_id}
    return Failed(kind, json.dumps(document))


@cache
def _entry(handler: str) -> Callable[[Any, Any], Any]:
    module, _, name = handler.rpartition(".")
    entry: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    return entry


@cache
def _client(service: str, *, region_name: str | None = None, config: Config | None = None) -> Any:
    """Building one costs as much as 50 calls."""
    session = boto3.Session(aws_access_key_id="steps", aws_secret_access_key="emulated")
    return session.client(service, region_name, config=config)  # type: ignore[call-overload]


def _is_kept(value: Any) -> bool:
    """Whether this is a function that keeps what it made, as clients: of nothing, so once."""
    return hasattr(value, "cache_clear") and not inspect.signature(value).parameters


def _datetime(clock: VirtualClock) -> type[datetime]:
    class Virtual(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromisoformat(clock.now().isoformat()).astimezone(tz or UTC)

    return Virtual
