"""A host's report about itself, from the rule on our own event bus."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.hosts import serving
from orchestrator.hosts.reports import Report
from orchestrator.observability import count, logger
from orchestrator.step import Event, aws, ledger_of


def receive(event: Event, _: LambdaContext) -> str:
    """Malformed and foreign reports are counted and dropped: retrying would not improve them."""
    try:
        report = Report.parse(event)
        done = serving.receive(aws(), ledger_of({"name": report.deployment}), report)
    except (InvalidRequest, NotFound) as error:
        logger.warning("host report ignored", reason=str(error))
        count("HostReportIgnored")
        return "ignored"
    count("HostReportIgnored" if done == "ignored" else "HostReport")
    return done
