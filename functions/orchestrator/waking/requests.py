"""A request to the waker, from the event of a function URL (payload format 2.0).

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from orchestrator.spec.patterns import NAME
from orchestrator.waking import refusals

# Those that the gateway serves by POST (tests/contracts/test_wake_paths.py).
PATHS = frozenset(
    {
        *("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"),
        *("/v1/messages", "/v1/messages/count_tokens", "/tokenize", "/detokenize"),
        *("/pooling", "/classify", "/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank"),
        *("/v1/audio/transcriptions", "/v1/audio/translations", "/v2/embed"),
        *("/v1/chat/completions/batch", "/v1/decisions"),
    }
)
MODELS = "/v1/models"
LARGEST_BODY = 6_000_000  # bytes; Lambda itself takes 6 MB of payload, headers and base64 included
_LONGEST_KEY = 512
_BEARER = "bearer "
_LENGTH = re.compile(r"[0-9]{1,15}")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Asked:
    """deployment: by the path. key: as it was sent, empty without one. source: the client's
    address. wakes: whether it asks for inference; a list of models does not.
    """

    deployment: str
    key: str = field(repr=False)
    source: str
    wakes: bool

    @classmethod
    def of(cls, event: Any) -> Self:
        """Raise Refusal for what no deployment could be asked."""
        http = _mapping(_mapping(_mapping(event).get("requestContext")).get("http"))
        headers = _mapping(_mapping(event).get("headers"))
        name, path = _place(str(http.get("path", "")))
        method = http.get("method")
        if path not in PATHS and path != MODELS:
            raise refusals.final(
                404,
                "unknown_url",
                "There is no such endpoint here: send POST /NAME/v1/chat/completions with the "
                "deployment's name and one of its API keys.",
                "invalid_request_error",
            )
        expected = "GET" if path == MODELS else "POST"
        if method != expected:
            raise refusals.Refusal(
                405, "method_not_allowed", f"This endpoint takes {expected} only.",
                headers={"allow": expected},
            )  # fmt: skip
        _must_be_small(event, headers)
        return cls(name, _key(headers), source(event), wakes=path != MODELS)

    @property
    def has_token(self) -> bool:
        """Return whether it comes with a token of an identity provider instead of a key."""
        return bool(_TOKEN.fullmatch(self.key))


def source(event: Any) -> str:
    """Return the client's address as AWS saw it, never as a header claims it."""
    http = _mapping(_mapping(_mapping(event).get("requestContext")).get("http"))
    return str(http.get("sourceIp", ""))[:45]


def _place(path: str) -> tuple[str, str]:
    """Return the deployment's name and the gateway's path; both empty for another form."""
    name, slash, rest = path.removeprefix("/").partition("/")
    return (name, slash + rest) if re.fullmatch(NAME, name) else ("", "")


def _must_be_small(event: Mapping[str, Any], headers: Mapping[str, Any]) -> None:
    stated = str(headers.get("content-length", "0"))
    length = int(stated) if _LENGTH.fullmatch(stated) else LARGEST_BODY + 1
    if max(length, len(str(event.get("body") or ""))) > LARGEST_BODY:
        raise refusals.final(
            413,
            "request_too_large",
            f"While the deployment sleeps, a body has at most {LARGEST_BODY} bytes: wake it with a "
            "smaller request first.",
            "invalid_request_error",
        )


def _key(headers: Mapping[str, Any]) -> str:
    """Return the key as OpenAI's clients send it, else as Anthropic's do; cut where none is as
    long.
    """
    authorization = str(headers.get("authorization") or "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        key = authorization[len(_BEARER) :].strip()
    else:
        key = str(headers.get("x-api-key") or "").strip()
    return key if len(key) <= _LONGEST_KEY or _TOKEN.fullmatch(key) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
