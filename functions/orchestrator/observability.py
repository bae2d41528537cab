"""The one logger and the one set of metrics that every function shares."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="lamplighter")
_metrics = Metrics(namespace="Lamplighter", service="orchestrator")


def count(what: str) -> None:
    """Add one to a metric of CloudWatch, by a line in the log."""
    _metrics.add_metric(what, MetricUnit.Count, 1)
    _metrics.flush_metrics()
