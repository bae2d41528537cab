"""The clock's event: every minute, all deployments are looked at."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.ledger.store import names
from orchestrator.observability import logger
from orchestrator.repair import reconcile
from orchestrator.step import Event, aws, ledger_of


def look(_: Event, __: LambdaContext) -> dict[str, Any]:
    """Return what was found, by the deployment's name."""
    live = names(aws().dynamodb, aws().settings.ledger_table)
    found = reconcile.every(aws(), [ledger_of({"name": name}) for name in live])
    logger.info("looked at what is there", deployments=found)
    return found
