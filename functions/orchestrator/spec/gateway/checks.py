"""What is wrong with the gateway's keys together, or within their texts; see spec/checks.py."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from orchestrator.masking import join, shown
from orchestrator.spec.gateway.access import Filter
from orchestrator.spec.gateway.section import Gateway

Found = Iterator[tuple[str, str]]

# What Python's patterns have and RE2's have not: https://github.com/google/re2/wiki/Syntax
_ONLY_PYTHON = re.compile(
    r"(?<!\\)(?:\\\\)*(?:(?P<look>\(\?<?[=!])|(?P<atomic>\(\?>)|(?P<condition>\(\?\()"
    r"|(?P<reference>\\[1-9]|\(\?P=)|(?P<possessive>[*+?}]\+))"
)
_WORDS = {
    "look": "looks ahead or behind",
    "atomic": "has an atomic group",
    "condition": "has a condition",
    "reference": "refers back to a group",
    "possessive": "has a possessive quantifier",
}
_CLASS = re.compile(r"(?<!\\)\[(?:\\.|[^\]\\])+\]")  # of characters: nothing is special there
_REPEATED = re.compile(r"\{(\d+)?(?:,(\d+)?)?\}")
_MOST_REPEATS = 1000  # RE2's
_ONLY_RE2 = re.compile(r"\\[pPQCz]|\[\[:")


def aliases(gateway: Gateway) -> Found:
    known = dict(gateway.aliases)
    for alias, model in known.items():
        if model in known:
            yield (
                join("gateway.aliases", alias),
                f"stands for {shown(model)}, which is an alias too; name the model itself",
            )


def issuer_and_audience(gateway: Gateway) -> Found:
    jwt = gateway.jwt
    if jwt.issuer and not jwt.audience:
        yield "gateway.jwt.audience", "missing; tokens are accepted for one audience, e.g. llm"
    if not jwt.issuer and jwt != type(jwt)():
        yield "gateway.jwt.issuer", "missing; name the provider, e.g. https://login.example.com/"


def filters(gateway: Gateway) -> Found:
    names = [rule.name for rule in gateway.filters]
    for number, rule in enumerate(gateway.filters):
        path = f"gateway.filters[{number}]"
        if rule.name in names[:number]:
            yield f"{path}.name", f"{shown(rule.name)} is there twice; a refusal names the rule"
        yield from _networks(path, rule)
        for key, pattern in (*rule.headers, ("body", rule.body)):
            where = f"{path}.body" if pattern is rule.body else f"{path}.headers.{key}"
            if isinstance(pattern, str) and (problem := _problem(pattern)):
                yield where, f"{shown(pattern)} is no RE2 pattern: it {problem}"


def fallbacks(gateway: Gateway) -> Found:
    urls = [each.url for each in gateway.fallbacks]
    for number, url in enumerate(urls):
        if url in urls[:number]:
            yield f"gateway.fallbacks[{number}].url", f"{url} is there twice; keep one of them"


def keys_of_fallbacks(gateway: Gateway) -> list[tuple[str, str | None]]:
    """Return the path and the name of each fallback's key."""
    return [
        (f"gateway.fallbacks[{number}].key_parameter", each.key_parameter)
        for number, each in enumerate(gateway.fallbacks)
    ]


def _networks(path: str, rule: Filter) -> Found:
    for key in ("allow", "deny"):
        for number, text in enumerate(getattr(rule, key)):
            where = f"{path}.{key}[{number}]"
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                yield where, f"{shown(text)} is no network; allowed: e.g. 203.0.113.0/24"
                continue
            if ipaddress.ip_interface(text).ip != network.network_address:
                yield where, f"{shown(text)} has host bits; write {network}"


def _problem(pattern: str) -> str | None:
    """Return what RE2 would refuse; what only the gateway itself can know passes."""
    if found := _ONLY_PYTHON.search(_CLASS.sub("", pattern)):
        return _WORDS[str(found.lastgroup)]
    repeats = [int(each) for pair in _REPEATED.findall(pattern) for each in pair if each]
    if max(repeats, default=0) > _MOST_REPEATS:
        return f"repeats something more than {_MOST_REPEATS} times"
    try:
        re.compile(pattern)
    except re.error as error:
        return None if _ONLY_RE2.search(pattern) else f"is wrong: {error.msg}"
    return None
