"""One rule of the request filter: as it is written in the settings, and ready to be asked."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any

import re2  # type: ignore[import-untyped]
from msgspec import Meta, Struct, field

from gateway.settings.document import InvalidSetting
from gateway.settings.options import option

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Pattern = Annotated[str, Meta(min_length=1, max_length=1000)]

_PATTERN = "an RE2 pattern of at most 1000 characters"
_NETWORKS = "networks such as 10.0.0.0/8"


class FilterRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Raises InvalidSetting."""

    name: Annotated[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")],
        option("Told to whoever is refused.", "letters, digits, `.`, `_` and `-`"),
    ]
    paths: Annotated[
        tuple[str, ...],
        option(
            "Paths that it looks at; `*` at the end: all that begin so. None: all.",
            "a list of paths",
        ),
    ] = ()
    methods: Annotated[
        tuple[str, ...], option("Methods that it looks at. None: all.", "a list such as GET, POST")
    ] = ()
    allow: Annotated[
        tuple[str, ...], option("Refuse clients outside of these networks.", _NETWORKS)
    ] = ()
    deny: Annotated[tuple[str, ...], option("Refuse clients in these networks.", _NETWORKS)] = ()
    max_size: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        option("Refuse larger bodies.", "a whole number of bytes"),
    ] = None
    headers: Annotated[
        dict[str, Pattern],
        option("Refuse headers that contain it.", f"names of headers, each with {_PATTERN}"),
    ] = field(default_factory=dict)
    body: Annotated[Pattern | None, option("Refuse bodies that contain it.", _PATTERN)] = None

    def __post_init__(self) -> None:
        Rule(self)


class Rule:
    """Asked about a part of a request, it says whether that is a ground to refuse it."""

    def __init__(self, rule: FilterRule) -> None:
        self.name = rule.name
        self._paths = frozenset(path.encode() for path in rule.paths if not path.endswith("*"))
        self._beginnings = tuple(path[:-1].encode() for path in rule.paths if path.endswith("*"))
        self._methods = frozenset(method.upper() for method in rule.methods)
        self._allow = [_network(rule.name, "allow", text) for text in rule.allow]
        self._deny = [_network(rule.name, "deny", text) for text in rule.deny]
        self._max_size = rule.max_size
        self._headers = {
            name.lower().encode(): _compiled(rule.name, f"headers.{name}", pattern)
            for name, pattern in rule.headers.items()
        }
        self._body = _compiled(rule.name, "body", rule.body) if rule.body is not None else None

    def looks_at(self, method: str, path: bytes) -> bool:
        if self._methods and method not in self._methods:
            return False
        named = self._paths or self._beginnings
        return not named or path in self._paths or path.startswith(self._beginnings)

    def is_outside(self, client: Address | None) -> bool:
        """Whether its networks refuse the client. An unknown one is in no network."""
        if client is None:
            return bool(self._allow)
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


def _network(rule: str, which: str, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidSetting(
            f"{which} of the rule {rule} holds {text!r}, it takes {_NETWORKS}"
        ) from error


def _compiled(rule: str, which: str, pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise InvalidSetting(f"{which} of the rule {rule} is no RE2 pattern: {reason}") from error
