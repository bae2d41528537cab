"""SNS refuses subjects and messages that moto publishes.

A subject has no line breaks or control characters and is less than 100 characters long. ASCII, too:
today's documentation says UTF-8, the one of the years before it said ASCII.
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_MOST_SUBJECT = 99  # characters
_MOST_MESSAGE = 262_144  # bytes, with the attributes


class Topics:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {"sns.Publish": self._publish}

    def _publish(self, request: Request, proceed: Proceed) -> Response:
        subject = request.parameters.get("Subject")
        if subject is not None and not _is_subject(subject):
            request.refuse("InvalidParameter", "Invalid parameter: Subject")
        message = request.parameters["Message"]
        if not message:
            request.refuse("InvalidParameter", "Invalid parameter: Empty message")
        if len(message.encode()) + _size(request.parameters) > _MOST_MESSAGE:
            request.refuse("InvalidParameter", "Invalid parameter: Message too long")
        for name, attribute in request.parameters.get("MessageAttributes", {}).items():
            if not attribute.get("StringValue"):
                reason = f"The message attribute '{name}' must contain non-empty message attribute"
                request.refuse("ParameterValueInvalid", f"{reason} value.")
        return proceed(request)


def _is_subject(text: str) -> bool:
    return 0 < len(text) <= _MOST_SUBJECT and text.isascii() and text.isprintable()


def _size(parameters: dict[str, object]) -> int:
    attributes = parameters.get("MessageAttributes")
    return len(str(attributes).encode()) if attributes else 0
