"""Lambda entry points: CheckIncident and CloseIncident."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator.repair import incidents
from orchestrator.step import Event, step


def check(event: Event, context: LambdaContext) -> Any:
    request = {**event["request"], "opened_at": event["opened_at"]}
    return step(lambda clients, _, ledger: incidents.check(clients, ledger, request))(
        event, context
    )


def close(event: Event, context: LambdaContext) -> Any:
    facts = (event["opened_at"], event["instance_id"], event["outcome"])
    return step(lambda _, __, ledger: incidents.close(ledger, *facts))(event, context)
