"""A caller and its permissions, from a key or a token alike."""

from dataclasses import dataclass

from gateway.core.priority import CLASSES


@dataclass(frozen=True, slots=True)
class Limits:
    """Of all callers with one id together; tokens are prompt and completion. None: no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    tokens_per_day: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Caller:
    """`models`: the names that may be asked for, None for all. `priority`: 0 goes first."""

    id: str
    models: frozenset[str] | None = None
    priority: int = CLASSES.index("standard")
    limits: Limits = NO_LIMITS


OPEN = Caller("-")  # every caller, where neither keys nor tokens are configured
