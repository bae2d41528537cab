"""A request to the waker, from the event of its function URL or of API Gateway.

Both have payload format 2.0. The URL's path begins with the deployment's name; API Gateway serves
each endpoint's own name, with the paths that the endpoint itself has.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
        *("/v1/chat/completions/batch", "/v1/decisions", "/v1/systemone"),
    }
)
MODELS = "/v1/models"
LARGEST_BODY = 6_000_000  # bytes; Lambda itself takes 6 MB of payload, headers and base64 included
_LONGEST_KEY = 512
_BEARER = "bearer "
_LENGTH = re.compile(r"[0-9]{1,15}")
_NAMES_OF_AWS = (".on.aws", ".amazonaws.com", ".amazonaws.com.cn")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Asked:
    """deployment: by the path, or the name that was asked. key: as it was sent, empty without one.
    source: the client's address. wakes: whether it asks for inference; a list of models does not.
    by_name: whether it came to the endpoint's own name.
    """

    deployment: str
    key: str = field(repr=False)
    source: str
    wakes: bool
    by_name: bool = False

    @classmethod
    def of(cls, event: Any, deployment_of: Callable[[str], str | None]) -> Self:
        """Raise Refusal for what no deployment could be asked.

        deployment_of: returns the deployment of an endpoint's own name.
        """
        context = _mapping(_mapping(event).get("requestContext"))
        http, headers = _mapping(context.get("http")), _mapping(_mapping(event).get("headers"))
        host, path = _own_name(context), str(http.get("path", ""))
        name, path = (str(deployment_of(host) or ""), path) if host else _place(path)
        method = http.get("method")
        if not name or path not in PATHS | {MODELS}:
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
        return cls(name, _key(headers), source(event), path != MODELS, bool(host))

    @property
    def has_token(self) -> bool:
        """Return whether it comes with a token of an identity provider instead of a key."""
        return bool(_TOKEN.fullmatch(self.key))


def source(event: Any) -> str:
    """Return the client's address as AWS saw it, never as a header claims it."""
    http = _mapping(_mapping(_mapping(event).get("requestContext")).get("http"))
    return str(http.get("sourceIp", ""))[:45]


def _own_name(context: Mapping[str, Any]) -> str | None:
    """Return the endpoint's name that API Gateway was asked by; a function URL has AWS's own."""
    name = str(context.get("domainName", "")).lower()
    return name if name and not name.endswith(_NAMES_OF_AWS) else None


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
