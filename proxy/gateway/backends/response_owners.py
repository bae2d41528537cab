"""Which backend keeps a stored response, and whose it is.

An engine keeps responses in its memory: only the one that made a response knows it. The latest ones
are remembered here; about any other id the engines are asked.
"""

from collections import OrderedDict
from typing import NamedTuple

from gateway.backends.backend import Backend

_MOST = 10_000


class Owner(NamedTuple):
    """`key_id`: of the caller who had it made. `model`: as it is served."""

    backend: Backend
    key_id: str
    model: str | None


class ResponseOwners:
    """By the ids of responses; the oldest ones are forgotten."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, Owner] = OrderedDict()

    def remember(self, response_id: str, owner: Owner) -> None:
        self._owners.setdefault(response_id, owner)  # an id that comes again changes no owner
        if len(self._owners) > _MOST:
            self._owners.popitem(last=False)

    def of(self, response_id: str | None) -> Owner | None:
        return None if response_id is None else self._owners.get(response_id)
