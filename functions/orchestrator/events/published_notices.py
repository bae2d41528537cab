"""Messages of the notices' topic, from SNS, for the webhook: our notices, CloudWatch's alarms."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.notices import webhook
from orchestrator.notices.shapes import Published
from orchestrator.step import Event, aws


def receive(event: Event, _: LambdaContext) -> list[dict[str, Any]]:
    """Post each message; an error leads to the dead-letter queue, after no further attempt."""
    return [webhook.deliver(aws(), Published.of(each["Sns"])) for each in event["Records"]]
