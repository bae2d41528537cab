"""Lambda entry points: AcquireLock and ReleaseLock."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.ledger import lock
from orchestrator.step import Event, aws, ledger_of, logged


@logged
def acquire(event: Event, _: LambdaContext) -> None:
    lock.acquire(ledger_of(event), aws().sfn, aws().settings.step_seconds)


@logged
def release(event: Event, _: LambdaContext) -> None:
    lock.release(ledger_of(event))
