"""How long a request may take, from what it asks for.

With D = the default, M = the maximum (both settings), and n = the larger of `max_tokens` and
`max_completion_tokens`:

              connect  first byte  between chunks  total
    whole       5 s     as total     as total      min(M, D + n x 0.1 s)
    stream      5 s        D            D          M

0.1 s is a token at 10 tokens a second: what a model that just fits its GPU still does under load.
The budget starts when the body is in. A client that says how long it waits for bytes (the OpenAI
SDK sends `x-stainless-read-timeout`, seconds) lowers the budgets that it can see: the total of a
whole answer, the first byte and the gaps of a stream.
"""

import math
from dataclasses import dataclass

from inference_proxy.body import Ask
from inference_proxy.settings import Settings

CONNECT_SECONDS = 5.0
SECONDS_PER_TOKEN = 0.1


@dataclass(frozen=True, slots=True)
class Budgets:
    """Seconds. `first_byte` and `total` count from the start, `idle` from the last chunk."""

    connect: float
    first_byte: float
    idle: float
    total: float


def budgets(ask: Ask, settings: Settings, client_seconds: float = math.inf) -> Budgets:
    if ask.stream:
        quiet = min(settings.default_timeout, client_seconds)
        return Budgets(min(CONNECT_SECONDS, quiet), quiet, quiet, settings.max_timeout)
    total = min(settings.max_timeout, _work(ask, settings), client_seconds)
    return Budgets(min(CONNECT_SECONDS, total), total, total, total)


def patience(header: bytes | None) -> float:
    """Seconds the client says it will wait, or infinity if it does not say so plainly."""
    try:
        seconds = float(header or b"inf")
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf


def _work(ask: Ask, settings: Settings) -> float:
    tokens = max(ask.max_tokens or 0, ask.max_completion_tokens or 0, 0)
    # Bounded before the product: JSON integers may be too large for a float.
    bounded = min(tokens, settings.max_timeout / SECONDS_PER_TOKEN)
    return settings.default_timeout + bounded * SECONDS_PER_TOKEN
