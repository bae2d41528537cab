"""What the waker answers, in the shape that OpenAI's and Anthropic's clients read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

LONGEST_RETRY_AFTER = 60  # seconds: OpenAI's clients do not wait for what asks for more than 120
_RETRIES = 5
_SECURE = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=63072000",
    "x-content-type-options": "nosniff",
}


@dataclass(eq=False)
class Refusal(Exception):
    """One answer: there is no other one, since nothing here serves a request."""

    status: int
    code: str
    message: str
    kind: str = "invalid_request_error"
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as Lambda's payload format 2.0 wants it."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        body = {"type": "error", "error": {**error, **self.more}}
        return {
            "statusCode": self.status,
            "headers": {**_SECURE, **self.headers},
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }


def wait(code: str, text: str, seconds: float) -> Refusal:
    """Return the answer of what serves after so many seconds, with the client's way to wait."""
    whole = max(math.ceil(seconds), 1)
    retries = max(_RETRIES, math.ceil(whole / LONGEST_RETRY_AFTER) + 2)
    message = f"{text}; try again in {whole} seconds. OpenAI's clients do: max_retries={retries}."
    headers = {
        "retry-after": str(min(whole, LONGEST_RETRY_AFTER)),
        "x-lamplighter-eta-seconds": str(whole),
    }
    return Refusal(503, code, message, "server_error", headers, {"eta_seconds": whole})


def final(status: int, code: str, message: str, kind: str = "server_error") -> Refusal:
    """Return an answer that no retry improves."""
    return Refusal(status, code, message, kind, {"x-should-retry": "false"})


def unknown_key(message: str = "The API key is not known here.") -> Refusal:
    headers = {"www-authenticate": "Bearer", "x-should-retry": "false"}
    return Refusal(401, "invalid_api_key", message, headers=headers)


def too_many(seconds: float) -> Refusal:
    whole = str(max(math.ceil(seconds), 1))
    text = f"Too many requests for what sleeps; try again in {whole} seconds."
    return Refusal(429, "rate_limit_exceeded", text, "rate_limit_error", {"retry-after": whole})
