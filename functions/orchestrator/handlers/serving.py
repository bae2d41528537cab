"""Lambda entry point: AwaitServing, which hands its task token over and lets the workflow wait."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.hosts import serving
from orchestrator.step import Event, step


def await_(event: Event, context: LambdaContext) -> Any:
    token = event.pop("task_token")
    return step(lambda clients, _, ledger: serving.await_(clients, ledger, token))(event, context)
