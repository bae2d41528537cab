"""One model server, as the gateway sees it now.

unknown   not probed yet: counts as up, a gateway that just started refuses no request
up        answers
loading   answers that it cannot serve yet
down      does not answer; if it refuses at once (`refuses`), requests may still try

Beside the probes, requests count: five failures in a row eject a backend for
ten seconds, unless it is the last that serves some model and has no fallback. Then one request may
try it (half-open).
"""

import ssl
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from gateway.core.log import event, logger
from gateway.core.priority import CLASSES
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.document import InvalidSetting

State = Literal["unknown", "up", "loading", "down"]

EJECT_AFTER = 5
EJECTED_SECONDS = 10.0

_FAILED_FROM = 500
_BACKPRESSURE = 503
_NOT_IMPLEMENTED = 501


class Backend:
    """`outstanding` counts requests sent to it and not yet ended, however they end.

    `models` are the names it serves, `listing` its own entry of each; both mean nothing
    before `knows_models`. `names`: what it calls those of its models that have another name there;
    `listing` has its own names. `fallback`: it is asked only while no other one can be.
    `retired`: a reload took it away, it ends what it has begun.
    `authorization` is the header's value that shows our key to it, if it wants one. `head`: the
    lines of a request's head that belong to it.
    """

    __slots__ = (
        "alternatives", "authorization", "changed", "consecutive_failures", "ejected_until",
        "failure_was_an_answer", "failures", "fallback", "head", "host", "knows_models", "limit",
        "listing", "models", "name", "names", "outstanding", "path", "pool", "port", "priorities",
        "problem", "refuses", "retired", "seed", "settings", "state", "tls", "tls_context", "turn",
    )  # fmt: skip

    def __init__(self, settings: BackendSettings) -> None:
        """Raises InvalidSetting: the file of its key cannot be read."""
        self.name, self.host, self.port = settings.name, settings.host, settings.port
        self.tls = settings.tls
        self.path = settings.path
        self.seed = int.from_bytes(blake2b(settings.url.encode(), digest_size=4).digest(), "big")
        self.pool: Any = None  # its connections; set by the composition root
        self.outstanding = self.turn = 0
        self.state: State = "unknown"
        self.refuses = self.retired = self.knows_models = False
        self.problem: str | None = None  # why it cannot be used, if that is known
        self.models: frozenset[str] = frozenset()
        self.listing: dict[str, bytes] = {}
        self.failures = self.consecutive_failures = 0
        self.failure_was_an_answer = False
        self.ejected_until = 0.0
        self.alternatives: tuple[tuple[Backend, ...], ...] = ()
        self.changed: Callable[[], None] = _ignore
        self.adopt(settings, credential(settings.api_key_file), trusted(settings))

    def __repr__(self) -> str:
        return f"Backend({self.name}, {self.state}, {self.outstanding} outstanding)"

    def adopt(
        self,
        settings: BackendSettings,
        authorization: bytes | None,
        tls_context: ssl.SSLContext | None,
    ) -> None:
        """Take new settings for the same url; what is on its way stays."""
        self.settings = settings
        self.tls_context = tls_context
        self.head = _head(settings, authorization)
        self.authorization = authorization
        self.limit = settings.max_in_flight
        self.fallback, self.names = settings.fallback, settings.names
        self.priorities = tuple(
            place for place, name in enumerate(CLASSES) if name in (settings.classes or CLASSES)
        )
        self.models = self._models()
        self.knows_models = bool(self.models)

    @property
    def up(self) -> bool:
        return self.state in {"unknown", "up"}

    def usable(self, now: float) -> bool:
        return self.up and now >= self.ejected_until

    def answered(self, status: int, now: float) -> None:
        """Judge it by a status: 4xx and 429 are the client's matter, 503 is honest backpressure."""
        if status < _FAILED_FROM or status == _NOT_IMPLEMENTED:
            self.succeeded()
        elif status != _BACKPRESSURE:
            self.failed(now, answered=True)

    def succeeded(self) -> None:
        if self.consecutive_failures:
            self.consecutive_failures = 0
            self.ejected_until = 0.0
        if self.state != "up":
            self.found("up")

    def failed(self, now: float, *, answered: bool = False) -> None:
        """It refused or lost a connection, or (`answered`) answered 5xx. `now` is monotonic."""
        self.failures += 1
        self.consecutive_failures += 1
        self.failure_was_an_answer = answered
        is_spare = self.is_replaceable(now) or self._has_fallback(now)
        if self.consecutive_failures >= EJECT_AFTER and is_spare:
            if not self.ejected_until:
                event("ejected a backend", backend=self.name, failures=self.consecutive_failures)
            self.ejected_until = now + EJECTED_SECONDS

    def has_problem(self, problem: str | None) -> None:
        """Log what keeps it from being used, once for each time that it changes."""
        if problem is not None and problem != self.problem:
            logger.warning("%s cannot be used: %s", self.name, problem)
        self.problem = problem

    def probe_succeeded(self) -> None:
        """End an ejection for lost connections; answering a probe disproves no failed answers."""
        if not self.failure_was_an_answer:
            self.consecutive_failures = 0
            self.ejected_until = 0.0

    def found(self, state: State, *, refuses: bool = False) -> None:
        """Set the state that a probe or a request proved."""
        if (state, refuses) == (self.state, self.refuses):
            return
        if state != self.state:
            event(f"backend is {state}", backend=self.name, was=self.state)
        if state == "up":
            self.problem = None
        self.state, self.refuses = state, refuses
        self.changed()

    def learned(self, listing: dict[str, bytes]) -> None:
        """Set the entries of its /v1/models. Names that the settings fix stay."""
        if listing == self.listing and self.knows_models:
            return
        self.listing = listing
        if self.settings.models is None:
            self.models, self.knows_models = self._models(), True
        self.changed()

    def is_replaceable(self, now: float, *, by_fallbacks: bool = True) -> bool:
        """Whether every model that it serves has another backend that may take over now."""
        return bool(self.alternatives) and all(
            any(one.usable(now) for one in others if by_fallbacks or not one.fallback)
            for others in self.alternatives
        )

    def _has_fallback(self, now: float) -> bool:
        return any(
            one.fallback and one.usable(now) for others in self.alternatives for one in others
        )

    def _models(self) -> frozenset[str]:
        """Return the names that the settings fix, else those that it lists, as they are here."""
        if self.settings.models is not None:
            return frozenset(self.settings.models)
        renamed = [here for here, there in self.names.items() if there in self.listing]
        return frozenset({*renamed, *self.listing} - ({*self.names.values()} - {*renamed}))


def reconfigured(settings: Iterable[BackendSettings], running: Iterable[Backend]) -> list[Backend]:
    """Return the backends of the settings: the running one where the url stays.

    Raises InvalidSetting, and changes none then.
    """
    wanted = [(one, credential(one.api_key_file), trusted(one)) for one in settings]
    by_url = {backend.settings.url: backend for backend in running}
    backends = [by_url.get(one.url) or Backend(one) for one, _, _ in wanted]
    for backend, (one, key, context) in zip(backends, wanted, strict=True):
        backend.adopt(one, key, context)
    return backends


def trusted(settings: BackendSettings) -> ssl.SSLContext | None:
    """Return what its certificate is checked with, None without TLS. Raises InvalidSetting."""
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidSetting(
            f"ca_file {settings.ca_file} holds no certificates: {type(error).__name__}"
        ) from error


def _head(settings: BackendSettings, authorization: bytes | None) -> bytes:
    """Return the lines of a request's head that belong to this backend."""
    given = {name.lower(): value.encode() for name, value in settings.headers.items()}
    lines = {"host": settings.authority.encode()}
    if authorization is not None:
        lines["authorization"] = authorization
    return b"".join(
        name.encode() + b": " + value + b"\r\n" for name, value in (lines | given).items()
    )


def credential(path: Path | None) -> bytes | None:
    """Return the `authorization` header's value from a file that holds a key, or None."""
    if path is None:
        return None
    try:
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"api_key_file {path} cannot be read: {type(error).__name__}"
        ) from error
    if not key.isprintable() or not key or " " in key:
        raise InvalidSetting(f"api_key_file {path} does not hold one key")
    return b"Bearer " + key.encode()


def _ignore() -> None:
    """Stand in for the routing."""
