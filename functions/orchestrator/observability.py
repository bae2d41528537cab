"""The one logger and the one set of metrics that every handler shares."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="lamplighter")
metrics = Metrics(namespace="Lamplighter", service="orchestrator")
