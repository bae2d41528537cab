"""Refuse requests by rule: where they come from, how large they are, what they contain.

A rule applies to the requests of its paths and methods, and refuses each one that meets any of its
conditions. Patterns are RE2 (https://github.com/google/re2/wiki/Syntax), whose time grows with the
text and never explodes, so there is neither look-around nor back-reference.

A body is searched as its bytes are: a letter that JSON spells as an escape is not seen. Only its
first 256 KiB are searched, because all other requests wait meanwhile; forbid larger ones with
`max_size` where a pattern must not be missed.
"""

import functools
import ipaddress
from collections.abc import Iterable, Mapping

from gateway.core.errors import Forbidden
from gateway.core.segmented_body import SegmentedBody
from gateway.settings.filter_rule import FilterRule

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SEARCHED_BYTES = 256 * 1024
_KNOWN_CLIENTS = 4096


class Filters:
    """Rules in the order in which they are asked. Without any, asking costs next to nothing."""

    def __init__(self, rules: Iterable[FilterRule]) -> None:
        self.adopt(rules)

    def adopt(self, rules: Iterable[FilterRule]) -> None:
        """Take other rules in the place of those before."""
        self._rules = [_Matcher(rule) for rule in rules]
        self._refusing = functools.lru_cache(_KNOWN_CLIENTS)(self._find_refusing)

    def check(
        self, *, client: str, method: str, path: bytes, headers: Mapping[bytes, bytes], size: int
    ) -> None:
        """Look at a request's head; `size` is its content-length, 0 if unsaid. Raises Forbidden."""
        if not self._rules:
            return
        refusing = self._refusing(client)
        for rule in self._rules:
            if rule.applies_to(method, path) and (
                rule in refusing or rule.is_larger(size) or rule.finds_header(headers)
            ):
                raise _refused(rule)

    def check_body(self, path: bytes, body: bytes | SegmentedBody) -> None:
        """Look at the body of a POST. Raises Forbidden."""
        if not self._rules:
            return
        start = body[:SEARCHED_BYTES] if isinstance(body, bytes) else body.start(SEARCHED_BYTES)
        for rule in self._rules:
            if rule.applies_to("POST", path) and (
                rule.is_larger(len(body)) or rule.finds_body(start)
            ):
                raise _refused(rule)

    def _find_refusing(self, client: str) -> "frozenset[_Matcher]":
        """Return the rules whose networks refuse this client."""
        address = _address(client)
        return frozenset(rule for rule in self._rules if rule.is_outside(address))


class _Matcher:
    """One rule, ready to be asked whether a part of a request is a reason to refuse it."""

    def __init__(self, rule: FilterRule) -> None:
        self.name = rule.name
        self._paths = frozenset(path.encode() for path in rule.paths if not path.endswith("*"))
        self._beginnings = tuple(path[:-1].encode() for path in rule.paths if path.endswith("*"))
        self._methods = frozenset(method.upper() for method in rule.methods)
        self._allow = rule.networks("allow")
        self._deny = rule.networks("deny")
        self._max_size = rule.max_size
        self._headers = {
            name.lower().encode(): rule.pattern(f"headers.{name}", pattern)
            for name, pattern in rule.headers.items()
        }
        self._body = rule.pattern("body", rule.body) if rule.body is not None else None

    def applies_to(self, method: str, path: bytes) -> bool:
        if self._methods and method not in self._methods:
            return False
        named = self._paths or self._beginnings
        return not named or path in self._paths or path.startswith(self._beginnings)

    def is_outside(self, client: Address | None) -> bool:
        """Whether its networks refuse the client. An unknown one is in no network.

        The machine itself is in all: its probes must not make it look dead.
        """
        if client is None:
            return bool(self._allow)
        if client.is_loopback:
            return False
        if self._allow and not any(client in network for network in self._allow):
            return True
        return any(client in network for network in self._deny)

    def is_larger(self, size: int) -> bool:
        return self._max_size is not None and size > self._max_size

    def finds_header(self, headers: Mapping[bytes, bytes]) -> bool:
        return any(
            name in headers and pattern.search(headers[name])
            for name, pattern in self._headers.items()
        )

    def finds_body(self, start: bytes) -> bool:
        return self._body is not None and self._body.search(start) is not None


def _address(client: str) -> Address | None:
    """Return the address; an IPv4 one that is wrapped into IPv6 as what it is."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _refused(rule: _Matcher) -> Forbidden:
    return Forbidden(
        f"The request is refused by the filter rule {rule.name}.", code="request_filtered"
    )
