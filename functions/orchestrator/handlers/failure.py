"""Lambda entry point: ReportFailure, the last word of a workflow that failed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.deployments import lifecycle
from orchestrator.errors import Superseded
from orchestrator.observability import metrics
from orchestrator.repair import incidents
from orchestrator.step import Event, ledger_of, logged


@metrics.log_metrics
@logged
def report(event: Event, _: LambdaContext) -> dict[str, Any]:
    """Write the reason down if this workflow still owns the lock; return it with {"rollback"}."""
    metrics.add_metric("WorkflowFailed", MetricUnit.Count, 1)
    ledger = ledger_of(event)
    failed = lifecycle.record_failure(ledger, event["verb"], event["error"], event["cause"])
    with suppress(Superseded):
        incidents.abandon(ledger, event["opened_at"])
    return failed
