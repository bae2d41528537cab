"""Lambda entry point: ReceiveHostReport, the target of the rule on our own event bus."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.hosts import serving
from orchestrator.hosts.reports import Report
from orchestrator.observability import logger, metrics
from orchestrator.step import Event, aws, ledger_of, logged


@metrics.log_metrics
@logged
def receive(event: Event, _: LambdaContext) -> str:
    """Malformed and foreign reports are counted and dropped: retrying would not improve them."""
    try:
        report = Report.parse(event)
        done = serving.receive(aws(), ledger_of({"name": report.deployment}), report)
    except (InvalidRequest, NotFound) as error:
        logger.warning("host report ignored", reason=str(error))
        metrics.add_metric("HostReportIgnored", MetricUnit.Count, 1)
        return "ignored"
    metrics.add_metric("HostReport", MetricUnit.Count, 1)
    return done
