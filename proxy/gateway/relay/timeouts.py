"""How long a request may take, from what it asks for and from how fast its model has been.

With D = the default, M = the maximum (both settings), n = the most tokens it may make (as many as
fit M if it does not say), p = its
prompt beyond the first 1000 tokens (a token is about 4 bytes), and the speed of the model:

              connect  first byte            between chunks  total
    whole       5 s     as total              as total       min(M, D + p x prefill + n x token)
    stream      5 s     min(M, D + p x prefill)   D          M

The speed starts at what a model that just fits its GPU still does under load, 0.1 s a token and
1 ms a token of the prompt, and follows what is measured, three times as slow, within a factor of
ten. The budgets start when the backend is chosen. A client that says how long it waits (OpenAI's
SDK sends `x-stainless-read-timeout`, others may send `x-request-timeout`, both in seconds) lowers
the budgets that it can see: the total of a whole answer, the first byte and the gaps of a stream.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.request.parameters import Parameters
from gateway.settings.gateway_settings import Settings

CONNECT_SECONDS = 5.0
GRACE_SECONDS = 2.0
BYTES_PER_TOKEN = 4

_TOKEN_SECONDS = 0.1
_PREFILL_SECONDS = 0.001
_SHORT_PROMPT = 1000  # tokens, that the default has room for
_SLACK = 3.0
_WEIGHT = 0.1  # of the newest measurement
_FEW_TOKENS = 8  # say little about the speed
_MODELS = 64  # remembered


class Budgets(NamedTuple):
    """Seconds. `first_byte` and `total` count from the start, `idle` from the last chunk."""

    connect: float
    first_byte: float
    idle: float
    total: float


@dataclass(slots=True)
class _Speed:
    token: float = _TOKEN_SECONDS / _SLACK
    prefill: float = _PREFILL_SECONDS / _SLACK


class ModelSpeeds:
    """What each model has been seen to need for a token, in seconds."""

    def __init__(self) -> None:
        self._paces: dict[str | None, _Speed] = {}

    def of(self, model: str | None) -> tuple[float, float]:
        """Return (seconds a token made, seconds a token read) to reckon with."""
        speed = self._paces.get(model)
        if speed is None:
            return _TOKEN_SECONDS, _PREFILL_SECONDS
        return _within(speed.token, _TOKEN_SECONDS), _within(speed.prefill, _PREFILL_SECONDS)

    def seen(self, model: str | None, prompt: int, tokens: int, first: float, all_: float) -> None:
        """Learn from one stream: its tokens, the seconds to the first and to the last."""
        if tokens < _FEW_TOKENS:
            return
        speed = self._paces.get(model)
        if speed is None:
            if len(self._paces) >= _MODELS:
                return
            speed = self._paces[model] = _Speed()
        speed.token += _WEIGHT * ((all_ - first) / tokens - speed.token)
        if prompt:
            speed.prefill += _WEIGHT * (first / prompt - speed.prefill)


def _within(seconds: float, start: float) -> float:
    return min(max(seconds * _SLACK, start / 10), start * 10)


def budgets(
    parameters: Parameters,
    settings: Settings,
    speed: tuple[float, float],
    size: int,
    client: float = math.inf,
    *,
    generates: bool = True,
) -> Budgets:
    """`size`: bytes of the body; `client`: seconds that the client waits.

    `generates`: an answer without a stated maximum may be as long as the engine likes.
    """
    most, default = settings.max_timeout, settings.default_timeout
    token, prefill = speed
    prompt = max(0.0, size / BYTES_PER_TOKEN - _SHORT_PROMPT)
    first = min(most, default + prompt * prefill)
    if parameters.stream:
        quiet = min(default, client)
        return Budgets(min(CONNECT_SECONDS, quiet), min(first, client), quiet, most)
    # Bounded as an integer, and before the product: JSON's may be too large for a float.
    longest = math.ceil(most / token)
    is_unknown = generates and not parameters.output_tokens
    tokens = longest if is_unknown else min(parameters.output_tokens, longest)
    total = min(most, first + tokens * token, client)
    return Budgets(min(CONNECT_SECONDS, total), total, total, total)


def client_timeout(headers: Mapping[bytes, bytes]) -> float:
    """Return the seconds that the client's own headers allow, infinity without a valid one.

    An SDK ends a request itself after the time that it states, and handles that better than a 504:
    it goes first. Who names a time for this gateway gets its answer at that time.
    """
    asked = _seconds(headers.get(b"x-request-timeout"))
    if asked < math.inf:
        return asked
    return _seconds(headers.get(b"x-stainless-read-timeout")) + GRACE_SECONDS


def _seconds(value: bytes | None) -> float:
    if value is None:
        return math.inf
    try:
        seconds = float(value)
    except ValueError:
        return math.inf
    return seconds if seconds > 0 else math.inf
