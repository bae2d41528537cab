"""A host's report about itself, from the rule on our own event bus."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.errors import InvalidRequest, NotFound
from orchestrator.hosts import serving
from orchestrator.hosts.reports import Report
from orchestrator.ledger.store import Ledger
from orchestrator.observability import count, logger
from orchestrator.repair import diagnosis, triggers
from orchestrator.repair.triggers import HOST, Trigger
from orchestrator.step import Event, aws, ledger_of


def receive(event: Event, _: LambdaContext) -> str:
    """Malformed and foreign reports are counted and dropped: retrying would not improve them."""
    try:
        report = Report.parse(event)
        ledger = ledger_of({"name": report.deployment})
        done = serving.receive(aws(), ledger, report)
    except (InvalidRequest, NotFound) as error:
        logger.warning("host report ignored", reason=str(error))
        count("HostReportIgnored")
        return "ignored"
    count("HostReportIgnored" if done == "ignored" else "HostReport")
    if done == "gave up":
        _repair(ledger, report, str(event.get("id", "")), str(event.get("time", "")))
    return done


def _repair(ledger: Ledger, report: Report, mark: str, at: str) -> None:
    """A host that serves gave up, and no workflow waits for it; once, however often it says so."""
    host, row = ledger.host_of(report.instance_id), ledger.known_deployment()
    because = f": {report.cause}" if report.cause else ""
    trigger = Trigger(f"the host failed{because}", report.instance_id, HOST, at)
    if host is None or row is None or not triggers.is_current(ledger, trigger):
        return
    if diagnosis.unwanted(ledger, row, trigger) is None:
        triggers.start(aws(), ledger, host, trigger, mark or report.instance_id)
