"""Which of several backends gets the next request. Called once per request: plain loops.

An ejected backend is passed over while another one may be asked, even if that one is full: then the
request waits. Once the ejection has ended, one request may try it (half-open); the next one only
after another ten seconds, or as soon as that one went well. Fallbacks are asked where all others
are ejected, or have failed on this request.
"""

import time
from zlib import crc32

from gateway.backends.backend import EJECTED_SECONDS, Backend

Backends = tuple[Backend, ...]

AFFINITY_BYTES = 1024

# Affinity must not send all that share a system prompt to one backend.
_CROWDED_FACTOR, _CROWDED_MARGIN = 2, 8
_MIXER, _MASK = 0x9E3779B1, 2**32 - 1  # Fibonacci hashing: neighbours land far apart


class Balancer:
    """`in_turn`: the one that waited longest is next, not the least busy one."""

    __slots__ = ("_turn", "in_turn")

    def __init__(self) -> None:
        self.in_turn = False
        self._turn = 0

    def choose(self, candidates: Backends, affinity: bytes | None) -> Backend | None:
        """Return one of them (there is at least one), or None: all are at their limits."""
        if len(candidates) == 1 and not candidates[0].ejected_until:
            only = candidates[0]
            return only if only.outstanding < only.limit else None
        for backend in candidates:
            if backend.ejected_until:
                candidates = _healthy(candidates)
                break
        chosen = _next_in_turn(candidates) if self.in_turn else _least_busy(candidates)
        if chosen is None:
            return None
        if affinity is not None:
            chosen = _home(candidates, affinity, chosen)
        self._turn += 1
        chosen.turn = self._turn
        if chosen.ejected_until:
            chosen.ejected_until = time.monotonic() + EJECTED_SECONDS
        return chosen


def preferred(candidates: Backends, reserve: Backends) -> Backends:
    """Return those of the candidates that are not ejected, else the reserve, else all of them."""
    now = time.monotonic()
    return tuple(one for one in candidates if now >= one.ejected_until) or reserve or candidates


def is_healthy(backend: Backend, candidates: Backends) -> bool:
    """Whether `choose` would consider this one of the candidates."""
    return not backend.ejected_until or backend in _healthy(candidates)


def _healthy(candidates: Backends) -> Backends:
    """Return those that are not ejected, or all of them: the last one is never refused."""
    now = time.monotonic()
    return tuple(one for one in candidates if now >= one.ejected_until) or candidates


def _least_busy(candidates: Backends) -> Backend | None:
    """Return the one with the fewest outstanding; of equals, the one whose turn is longest ago."""
    best: Backend | None = None
    fewest = turn = 0
    for backend in candidates:
        busy = backend.outstanding
        if busy < backend.limit and (
            best is None or busy < fewest or (busy == fewest and backend.turn < turn)
        ):
            best, fewest, turn = backend, busy, backend.turn
    return best


def _next_in_turn(candidates: Backends) -> Backend | None:
    with_room = [one for one in candidates if one.outstanding < one.limit]
    return min(with_room, key=lambda one: one.turn) if with_room else None


def _home(candidates: Backends, affinity: bytes, least_busy: Backend) -> Backend:
    """Return the backend that this affinity always has, unless that one is full or crowded.

    Rendezvous hashing: when a backend comes or goes, only its own share moves. The hash is the same
    after a restart too.
    """
    mark = crc32(affinity[:AFFINITY_BYTES])
    home, highest = least_busy, -1
    for backend in candidates:
        score = ((mark ^ backend.seed) * _MIXER) & _MASK
        if score > highest:
            home, highest = backend, score
    crowded = _CROWDED_FACTOR * least_busy.outstanding + _CROWDED_MARGIN
    return home if home.outstanding < min(home.limit, crowded + 1) else least_busy
