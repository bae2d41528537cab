# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""waitForTaskToken: heartbeats run out, a failing Lambda fails the task, a stop ends the wait."""

from __future__ import annotations

import contextvars
import threading
import time
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions
from twin.emulator.pinned import require
from twin.emulator.workflows import ends

_LOOK_SECONDS = 0.1
_waiting: ContextVar[str] = ContextVar("task token", default="")


def install() -> None:
    require(holds=hasattr(stepfunctions._task_tokens, "get"), fix="task tokens")
    stepfunctions._invoke_with_callback = _watched(stepfunctions._invoke_with_callback)
    stepfunctions._call_lambda = _failing_the_task(stepfunctions._call_lambda)


def _watched(original: Any) -> Any:
    def call(resource: str, request: Any, token: str, state: dict[str, Any]) -> Any:
        watch = contextvars.copy_context()
        done = threading.Event()
        arguments = (token, state.get("HeartbeatSeconds"), done)
        threading.Thread(target=watch.run, args=(_watch, *arguments), daemon=True).start()
        marked = _waiting.set(token)
        try:
            return original(resource, request, token, state)
        finally:
            _waiting.reset(marked)
            done.set()

    return call


def _failing_the_task(original: Any) -> Any:
    """Where ministack swallows the error of the Lambda that takes the token, and waits for ever."""

    def call(function: Any, event: Any) -> Any:
        try:
            return original(function, event)
        except stepfunctions._ExecutionError as failure:
            _fail(_waiting.get(), failure.error, failure.cause)
            raise

    return call


def _watch(token: str, heartbeat_seconds: float | None, done: threading.Event) -> None:
    last, seen = time.monotonic(), None
    while not done.wait(_LOOK_SECONDS):
        if ends.ended():
            return _fail(token, ends.ENDED, "the execution is over")
        beat = stepfunctions._task_tokens.get(token, {}).get("heartbeat")
        if beat != seen:
            last, seen = time.monotonic(), beat
        if heartbeat_seconds and time.monotonic() - last > heartbeat_seconds:
            return _fail(token, "States.HeartbeatTimeout", "no heartbeat arrived in time")
    return None


def _fail(token: str, error: str, cause: str) -> None:
    waiting = stepfunctions._task_tokens.get(token)
    if waiting is not None and not waiting["event"].is_set():
        waiting["error"] = {"Error": error, "Cause": cause}
        waiting["event"].set()
