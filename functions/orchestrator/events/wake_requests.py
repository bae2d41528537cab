"""A request to the waker's public URL, while the deployment sleeps."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.errors import OrchestratorError
from orchestrator.observability import count, logger
from orchestrator.step import Event, aws, ledger_of
from orchestrator.waking import refusals, waking


@cache
def memory() -> waking.Memory:
    """Return what this Lambda sandbox remembers."""
    return waking.Memory()


def receive(event: Event, _: LambdaContext) -> dict[str, Any]:
    """Return an answer in any case; neither key nor request is logged."""
    try:
        found = waking.answer(aws(), memory(), event, lambda name: ledger_of({"name": name}))
    except (OrchestratorError, ClientError, BotoCoreError):
        logger.exception("a request for what sleeps could not be answered")
        count("WakeFailed")
        found = refusals.wait("unavailable", "AWS did not answer", 10)
    logger.info("a request for what sleeps was answered", status=found.status, code=found.code)
    return found.document()
