"""One rule of the request filter, as the settings describe it."""

import ipaddress
from typing import Annotated, Any

import re2  # type: ignore[import-untyped]
from msgspec import Meta, Struct, field

from gateway.settings.document import InvalidSetting
from gateway.settings.options import option

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Pattern = Annotated[str, Meta(min_length=1, max_length=1000)]

_PATTERN = "an RE2 pattern of at most 1000 characters"
_NETWORKS = "networks such as 10.0.0.0/8"


class FilterRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Raises InvalidSetting."""

    name: Annotated[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")],
        option("Named in the refusal.", "letters, digits, `.`, `_` and `-`"),
    ]
    paths: Annotated[
        tuple[str, ...],
        option(
            "Paths that it applies to; `*` at the end: all that begin so. None: all.",
            "a list of paths",
        ),
    ] = ()
    methods: Annotated[
        tuple[str, ...],
        option("Methods that it applies to. None: all.", "a list such as GET, POST"),
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
        self.networks("allow")
        self.networks("deny")
        for name, pattern in self.headers.items():
            self.pattern(f"headers.{name}", pattern)
        if self.body is not None:
            self.pattern("body", self.body)

    def networks(self, field: str) -> list[Network]:
        """Return `allow` or `deny`, parsed. Raises InvalidSetting."""
        return [_network(self.name, field, text) for text in getattr(self, field)]

    def pattern(self, field: str, pattern: str) -> Any:
        """Return a pattern, compiled. Raises InvalidSetting."""
        return _compiled(self.name, field, pattern)


def _network(rule: str, which: str, text: str) -> Network:
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
