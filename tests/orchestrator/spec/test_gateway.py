"""What is wrong within the texts of the gateway's section, and what to write instead."""

from __future__ import annotations

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.spec.parsing import parse

SPEC = {"name": "prod", "model": "own"}


def problems(**gateway):
    try:
        parse({**SPEC, "gateway": gateway})
    except InvalidRequest as refusal:
        return [line.partition(": ")[::2] for line in str(refusal).splitlines()]
    return []


def rule(**how):
    return {"filters": [{"name": "r", **how}]}


@pytest.mark.parametrize(
    ("gateway", "path", "text"),
    [
        ({"aliases": {"a": "b", "b": "own"}}, "gateway.aliases.a", "an alias too"),
        ({"jwt": {"issuer": "https://login.example.com/"}}, "gateway.jwt.audience", "missing"),
        ({"jwt": {"audience": "llm"}}, "gateway.jwt.issuer", "missing"),
        ({"jwt": {"issuer": "http://login.example.com/", "audience": "a"}},
         "gateway.jwt.issuer", "not allowed"),
        (rule(allow=["10.0.0.1/8"]), "gateway.filters[0].allow[0]", "write 10.0.0.0/8"),
        (rule(deny=["office"]), "gateway.filters[0].deny[0]", "is no network"),
        (rule(body="(?=a)b"), "gateway.filters[0].body", "looks ahead or behind"),
        (rule(body=r"(a)\1"), "gateway.filters[0].body", "refers back"),
        (rule(headers={"x-a": "(curl"}), "gateway.filters[0].headers.x-a", "is wrong"),
        (rule(body="a{1001}"), "gateway.filters[0].body", "more than 1000 times"),
        ({"filters": [{"name": "r"}] * 2}, "gateway.filters[1].name", "there twice"),
        ({"fallbacks": [{"url": "http://llm.example.com"}]}, "gateway.fallbacks[0].url", "https"),
        ({"fallbacks": [{}]}, "gateway.fallbacks[0].url", "missing"),
        ({"fallbacks": [{"url": "https://a.example", "key_parameter": "/lamplighter/dev/key"}]},
         "gateway.fallbacks[0].key_parameter", "another deployment's"),
        ({"fallbacks": [{"url": "https://a.example", "key_parameter": "/lamplighter/prod/tls/x"}]},
         "gateway.fallbacks[0].key_parameter", "not allowed"),
        ({"allow_fields": ["temperature"]}, "gateway.allow_fields[0]", "not allowed"),
        ({"cors_origins": ["chat.example.com"]}, "gateway.cors_origins[0]", "not allowed"),
        ({"max_output_tokens": 0}, "gateway.max_output_tokens", "from 1 to"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_a_remedy(gateway, path, text):
    [(where, sentence)] = problems(**gateway)

    assert where == path
    assert text in sentence


@pytest.mark.parametrize(
    "pattern", ["password", r"(?i)drop\s+table", r"\pL+", r"a\\1", "[(?=]", r"\(\?=", "a{2,1000}"]
)
def test_a_pattern_that_re2_takes_is_taken(pattern):
    assert problems(**rule(body=pattern)) == []
