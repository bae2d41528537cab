"""What a webhook is sent: Slack's form, Teams' form, or plain JSON, chosen by the URL's host.

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
Teams takes Adaptive Cards only, from its Workflows too (Power Automate, whose addresses end in
logic.azure.com or api.powerplatform.com):
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Shape(StrEnum):
    SLACK = "slack"
    TEAMS = "teams"
    JSON = "json"


_TEAMS = (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com")
_CARD = "application/vnd.microsoft.card.adaptive"
_CARD_VERSION = "1.2"  # the one of Microsoft's own example for webhooks
_MOST_TEXT = 20_000  # characters; Teams takes 28 KB, Slack 40,000 characters


@dataclass(frozen=True, slots=True)
class Published:
    """What SNS hands to the function. message_id: the same when SNS delivers twice.

    kind: of a notice of ours; `alarm` for one of CloudWatch's.
    """

    title: str
    text: str
    at: str
    message_id: str
    kind: str = "alarm"
    deployment: str = ""

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """Read the `Sns` part of a record."""
        attributes = message.get("MessageAttributes") or {}
        text = str(message.get("Message", ""))
        return cls(
            title=str(message.get("Subject") or "Lamplighter"),
            text=_alarm(text) or text[:_MOST_TEXT],
            at=str(message.get("Timestamp", "")),
            message_id=str(message.get("MessageId", "")),
            kind=_attribute(attributes, "kind") or "alarm",
            deployment=_attribute(attributes, "deployment"),
        )


def shape_of(host: str) -> Shape:
    if host == "hooks.slack.com":
        return Shape.SLACK
    return Shape.TEAMS if host.endswith(_TEAMS) else Shape.JSON


def body(shape: Shape, published: Published) -> bytes:
    """Return the JSON document."""
    forms = {Shape.SLACK: _slack, Shape.TEAMS: _teams, Shape.JSON: _plain}
    return json.dumps(forms[shape](published)).encode()


def _slack(published: Published) -> dict[str, Any]:
    return {"text": f"*{_escaped(published.title)}*\n```{_escaped(published.text.strip())}```"}


def _escaped(text: str) -> str:
    """Slack reads `<!channel>` and links: https://docs.slack.dev/messaging/formatting-message-text"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")


def _teams(published: Published) -> dict[str, Any]:
    lines = [line for line in published.text.splitlines() if line.strip()]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": _CARD_VERSION,
        "body": [
            {**_block(published.title), "weight": "Bolder", "size": "Medium"},
            *(_block(line.strip()) for line in lines),
        ],
    }
    attachment = {"contentType": _CARD, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _block(text: str) -> dict[str, Any]:
    """Cards read Markdown: what a host wrote must not become a link."""
    return {"type": "TextBlock", "text": text.replace("](", "] ("), "wrap": True}


def _plain(published: Published) -> dict[str, Any]:
    return {
        "id": published.message_id,
        "kind": published.kind,
        "deployment": published.deployment or None,
        "title": published.title,
        "text": published.text,
        "at": published.at,
    }


def _attribute(attributes: Mapping[str, Any], name: str) -> str:
    return str((attributes.get(name) or {}).get("Value", ""))


def _alarm(text: str) -> str:
    """Return what a message of CloudWatch's says in words; empty for any other message."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(document, dict) or "AlarmName" not in document:
        return ""
    named = (
        ("Alarm", document["AlarmName"]),
        ("What", document.get("AlarmDescription")),
        ("State", f"{document.get('OldStateValue')} -> {document.get('NewStateValue')}"),
        ("Why", document.get("NewStateReason")),
    )
    return "".join(f"{name}: {value}\n" for name, value in named if value)[:_MOST_TEXT]
