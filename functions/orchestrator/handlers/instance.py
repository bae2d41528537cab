"""Lambda entry points: EnsureInstance, ReplaceInstance, DestroyInstance."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.resources import instance
from orchestrator.step import Event, step

ensure = step(instance.ensure, desired="present")
destroy = step(instance.destroy)


def replace(event: Event, context: LambdaContext) -> Any:
    """The event also names the `generation` to be followed: a repetition launches nothing."""
    after = int(event["generation"])
    return step(
        lambda clients, deployment, ledger: instance.replace(clients, deployment, ledger, after),
        desired="present",
    )(event, context)
