"""The installation's webhook: its URL is an SSM SecureString that `lamplighter notify` writes."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code
from orchestrator.notices import posting, shapes
from orchestrator.notices.destination import Destination


def deliver(clients: Clients, published: shapes.Published) -> dict[str, Any]:
    """Return {"posted", "shape"}; raise Undelivered."""
    url = _url(clients)
    if url is None:
        return {"posted": False, "shape": None}
    destination = Destination.of(url)
    shape = shapes.shape_of(destination.host)
    posting.post(destination, shapes.body(shape, published))
    return {"posted": True, "shape": shape.value}


def recipients(clients: Clients) -> dict[str, Any]:
    """Return {"confirmed", "pending", "webhook"}: subscriptions by what has become of them.

    The webhook's own function is none of them. webhook: whether a URL is set.
    """
    pages = clients.sns.get_paginator("list_subscriptions_by_topic").paginate(
        TopicArn=clients.settings.notice_topic
    )
    others = [
        each["SubscriptionArn"]
        for page in pages
        for each in page["Subscriptions"]
        if each["Protocol"] != "lambda"
    ]
    return {
        "confirmed": sum(arn.startswith("arn:") for arn in others),
        "pending": others.count("PendingConfirmation"),  # others are `Deleted`
        "webhook": _is_set(clients),
    }


def _url(clients: Clients) -> str | None:
    name = naming.webhook_parameter(clients.settings.installation)
    try:
        found = clients.ssm.get_parameter(Name=name, WithDecryption=True)
    except ClientError as error:
        if code(error) != "ParameterNotFound":
            raise
        return None
    return found["Parameter"]["Value"]


def _is_set(clients: Clients) -> bool:
    """Ask for the name alone: who sends a test need not be able to read the URL."""
    name = naming.webhook_parameter(clients.settings.installation)
    found = clients.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )
    return bool(found["Parameters"])
