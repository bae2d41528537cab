"""The gateway's settings: read from a document and the environment, checked once, then trusted."""

import ipaddress
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from gateway.core.restricted_fields import KWARGS, NAMES, PARTS, TOP
from gateway.settings import document, options
from gateway.settings.backend_settings import COUNT, FILE, BackendSettings, Count, Name
from gateway.settings.document import CONFIG, InvalidSetting
from gateway.settings.filter_rule import FilterRule
from gateway.settings.jwt_settings import JwtSettings
from gateway.settings.key_limits import KeyLimits
from gateway.settings.options import Option, option

Balancing = Literal["least_outstanding", "round_robin", "session", "prefix"]

_DAY = 86_400
_SECONDS = "a number of seconds above 0"
_SWITCH = "true or false (in the environment: enabled or disabled)"

Seconds = Annotated[float, Meta(gt=0, le=_DAY)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    backends: Annotated[
        Annotated[tuple[BackendSettings, ...], Meta(min_length=1)],
        option(
            "The model servers. In the environment: origins, separated by commas.",
            "a list of backends, each an origin such as http://127.0.0.1:8000",
            variable="BACKENDS",
        ),
    ] = (BackendSettings(url="http://127.0.0.1:8000"),)
    backend_key_file: Annotated[
        Path | None,
        option(
            "Holds the key that is shown to each backend without an api_key_file; to no fallback.",
            FILE,
        ),
    ] = None
    aliases: Annotated[
        dict[Name, Name],
        option(
            "Other names for served models; the backend gets its own.",
            "names and the models they stand for (in the environment: a=model,b=model)",
        ),
    ] = field(default_factory=dict)
    balancing: Annotated[
        Balancing,
        option(
            "Which backend gets a request: the one with the fewest outstanding, each in turn, the "
            "same one for a session (x-session-id, else the key), or for the same first 1 KiB.",
            "least_outstanding, round_robin, session or prefix",
        ),
    ] = "least_outstanding"
    engine_enabled: Annotated[
        bool,
        option("Whether this deployment has an engine at all.", _SWITCH, variable="ENGINE"),
    ] = True
    keys_file: Annotated[
        Path | None,
        option("API keys, hashed; not set: open to everyone who can reach it.", FILE, restart=True),
    ] = None
    jwt: Annotated[
        JwtSettings | None,
        option("Accept tokens of an OpenID provider too.", "issuer and audience"),
    ] = None
    filters: Annotated[
        tuple[FilterRule, ...], option("Rules that refuse requests.", "a list of rules")
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        option("Proxies whose X-Forwarded-For is trusted.", "networks such as 10.0.0.0/8"),
    ] = ("127.0.0.0/8", "::1/128")
    default_timeout: Annotated[
        Seconds,
        option("For an answer to begin.", _SECONDS, variable="DEFAULT_TIMEOUT_SECONDS"),
    ] = 90.0
    max_timeout: Annotated[
        Seconds,
        option("For a whole answer, at most.", _SECONDS, variable="MAX_TIMEOUT_SECONDS"),
    ] = 600.0
    keepalive_seconds: Annotated[
        Seconds,
        option("Keep-alive interval on idle streams, for clients that request it.", _SECONDS),
    ] = 15.0
    max_body: Annotated[
        Count,
        option("Largest request.", "a whole number of bytes above 0", variable="MAX_BODY_BYTES"),
    ] = 50 * 1024 * 1024
    max_bodies: Annotated[
        Count,
        option(
            "Request bodies held in memory at once, over all requests; beyond it a request is "
            "answered 503 with Retry-After. Bodies up to 256 KiB may use an eighth more.",
            "a whole number of bytes, at least max_body",
            variable="MAX_BODIES_BYTES",
        ),
    ] = 256 * 1024 * 1024
    max_key_bodies: Annotated[
        Count,
        option(
            "The same for each key, answered 429.",
            "a whole number of bytes, at least max_body",
            variable="MAX_KEY_BODIES_BYTES",
        ),
    ] = 128 * 1024 * 1024
    header_seconds: Annotated[
        Seconds, option("For the headers of a request to arrive, at most.", _SECONDS)
    ] = 10.0
    idle_seconds: Annotated[
        Seconds,
        option(
            "How long a client's connection may wait for its next request: longer than clients and "
            "proxies keep theirs.",
            _SECONDS,
        ),
    ] = 120.0
    upload_seconds: Annotated[Seconds, option("For a body to arrive, at most.", _SECONDS)] = 600.0
    upload_grace_seconds: Annotated[
        Seconds,
        option("Interval over which the rate of an arriving body is measured.", _SECONDS),
    ] = 15.0
    upload_rate: Annotated[
        Count,
        option(
            "Slowest rate at which a body may arrive, on average over each interval.",
            "a whole number of bytes per second above 0",
            variable="UPLOAD_BYTES_PER_SECOND",
        ),
    ] = 1024
    max_depth: Annotated[Count, option("Deepest nesting of a body.", COUNT)] = 128
    max_n: Annotated[Count, option("Most choices that one request may ask for.", COUNT)] = 16
    max_output_tokens: Annotated[
        Count | None, option("Most tokens that one request may ask for; not set: any.", COUNT)
    ] = None
    max_prompts: Annotated[
        Count, option("Most prompts that one request may have answered.", COUNT)
    ] = 2048
    reserve_tokens: Annotated[
        Count,
        option(
            "Tokens reserved within a key's limits for an answer whose request names no maximum.",
            COUNT,
        ),
    ] = 1024
    key_limits: Annotated[
        KeyLimits,
        option("Limits of keys that have none of their own.", "limits, as a key's"),
    ] = KeyLimits()
    allow_fields: Annotated[
        tuple[str, ...],
        option(
            "Request fields that are refused otherwise: they make the engine run or load what the "
            "caller sent. Only for callers who may do that.",
            f"a list out of {', '.join(sorted({*TOP, *PARTS}))}, and {KWARGS}.NAME such as "
            f"{KWARGS}.tools",
        ),
    ] = ()
    media_hosts: Annotated[
        tuple[Name, ...],
        option(
            "Hosts that the engine may fetch pictures, sound and files from for its callers; a dot "
            "before a name: all within it; `*`: any. None: requests must hold their data.",
            "a list of names such as images.example.com",
        ),
    ] = ()
    cache_salt: Annotated[
        bool,
        option(
            "Give each key a cache of its own in the engine, so that no key can measure what "
            "others asked; prompts that keys share are then computed for each.",
            _SWITCH,
        ),
    ] = False
    cors_origins: Annotated[
        tuple[Name, ...],
        option(
            "Origins whose pages may use the gateway from a browser; `*`: all. None: none.",
            "a list of origins such as https://chat.example.com",
        ),
    ] = ()
    heartbeats: Annotated[
        bool,
        option("Keep-alive comments on all idle streams, requested or not.", _SWITCH),
    ] = False
    queue_length: Annotated[
        Annotated[int, Meta(ge=0, le=2**62)],
        option("Requests that may wait for a backend.", "a whole number"),
    ] = 256
    queue_seconds: Annotated[Seconds, option("How long they wait.", _SECONDS)] = 30.0
    count_usage: Annotated[
        bool, option("Count the tokens of streams too; clients see no trace of it.", _SWITCH)
    ] = True
    usage_file: Annotated[
        Path | None, option("Keeps the usage per key over restarts.", FILE, restart=True)
    ] = None
    eta_file: Annotated[
        Path | None,
        option(
            "Where the host's agent reports the progress of loading, and from when on this host "
            "refuses new requests because another one takes over.",
            FILE,
            restart=True,
        ),
    ] = None
    failovers: Annotated[
        Annotated[int, Meta(ge=0, le=16)],
        option(
            "Other backends that a request may be sent to after an error (429, 5xx, a lost "
            "connection) that came before any byte of its answer. Never what is stored.",
            "a whole number",
        ),
    ] = 1
    backend_wait_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=_DAY)],
        option(
            "How long requests wait in the queue while no backend of their model is up; 0: they "
            "are refused at once.",
            "a number of seconds",
        ),
    ] = 0.0
    probe_seconds: Annotated[
        Seconds, option("Between looks at a backend that is up.", _SECONDS)
    ] = 5.0
    docs: Annotated[bool, option("Serve /docs and /openapi.json.", _SWITCH, restart=True)] = True
    otlp_endpoint: Annotated[
        Name | None, option("Where traces go, by OTLP/HTTP.", "a URL", restart=True)
    ] = None

    def __post_init__(self) -> None:
        document.refuse([wrong for check in self._checks() if (wrong := _failure(check))])
        if self.backend_key_file:
            backends = tuple(one.with_key_file(self.backend_key_file) for one in self.backends)
            force_setattr(self, "backends", backends)

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str]) -> Self:
        """Read the document at `path` (else at INFERENCE_CONFIG, if any), then the environment.

        Raises InvalidSetting.
        """
        return document.load(cls, config_file(path, environment), environment)

    def _checks(self) -> list[Callable[[], None]]:
        networks = [partial(_check_network, network) for network in self.trusted_proxies]
        return [
            self._check_timeouts,
            self._check_bodies,
            self._check_backends,
            self._check_aliases,
            *[partial(_check_allowed, name) for name in self.allow_fields],
            *networks,
        ]

    def _check_timeouts(self) -> None:
        if self.default_timeout > self.max_timeout:
            raise InvalidSetting(
                f"default_timeout (INFERENCE_DEFAULT_TIMEOUT_SECONDS) is {self.default_timeout:g}, "
                f"it may be at most max_timeout ({self.max_timeout:g})"
            )

    def _check_bodies(self) -> None:
        for name in ("max_bodies", "max_key_bodies"):
            if getattr(self, name) < self.max_body:
                raise InvalidSetting(
                    f"{name} (INFERENCE_{name.upper()}_BYTES) is {getattr(self, name)}, it must be "
                    f"at least max_body ({self.max_body}): a body of that size would never pass"
                )

    def _check_backends(self) -> None:
        names = [backend.name for backend in self.backends]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InvalidSetting(f"backends names {', '.join(sorted(twice))} twice")
        if all(backend.fallback for backend in self.backends):
            raise InvalidSetting(
                "backends holds fallbacks alone: one without `fallback` must be there for them to "
                "stand in for"
            )

    def _check_aliases(self) -> None:
        for alias, model in self.aliases.items():
            if model in self.aliases:
                raise InvalidSetting(
                    f"aliases: {alias} stands for {model}, which is an alias too: name the model"
                )


def config_file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the document that is in force: the one named, else that of INFERENCE_CONFIG."""
    named = environment.get(CONFIG, "").strip()
    return path or (Path(named) if named else None)


def reference() -> list[Option]:
    """Return everything that may be set, for docs/gateway-settings.md."""
    return options.reference(Settings)


def _failure(check: Callable[[], None]) -> InvalidSetting | None:
    try:
        check()
    except InvalidSetting as wrong:
        return wrong
    return None


def _check_allowed(name: str) -> None:
    if name not in NAMES:
        raise InvalidSetting(
            f"allow_fields (INFERENCE_ALLOW_FIELDS) holds {name!r}, it takes "
            f"{', '.join(sorted(NAMES))}"
        )


def _check_network(value: str) -> None:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise InvalidSetting(
            f"trusted_proxies holds {value!r}, it takes networks such as 10.0.0.0/8"
        ) from error
