"""Answer a workflow that waits with a task token; it may have ended meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code

_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def succeed(clients: Clients, token: str, output: Mapping[str, str]) -> None:
    clients.sfn.send_task_success(taskToken=token, output=json.dumps(dict(output)))


def fail(clients: Clients, token: str, error: str, cause: str) -> None:
    clients.sfn.send_task_failure(taskToken=token, error=error, cause=cause)


def beat(clients: Clients, token: str) -> None:
    clients.sfn.send_task_heartbeat(taskToken=token)


def reached(answer: Callable[[], object]) -> bool:
    """Give the answer; return whether a workflow was there to get it."""
    try:
        answer()
    except ClientError as error:
        if code(error) not in _GONE:
            raise
        return False
    return True
