"""How long, and how often, the pools are asked again while none of them has capacity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from orchestrator.capacity.pools import ON_DEMAND, Pool
from orchestrator.spec.sections import Instance

SHORTEST, LONGEST = 180, 1800  # seconds between two rounds, without their jitter
_AS_SHORT_FOR = timedelta(hours=6)
_GROWTH = 10  # after that a pause grows by this part of the time
_JITTER = 0.05  # so much longer at most


def limit(spec: Instance, *, repairing: bool) -> timedelta:
    """Return how long a workflow asks again after the first round in vain."""
    if repairing:
        return timedelta(hours=spec.repair_wait_hours)
    return timedelta(minutes=spec.wait_minutes)


def pause(waited: timedelta, seed: str) -> int:
    """Return the seconds until the next round: 3 minutes for six hours, 30 at most.

    seed: decides the jitter, so that deployments do not ask at the same time.
    """
    longer = max(timedelta(), waited - _AS_SHORT_FOR) / _GROWTH
    plain = min(SHORTEST + longer.total_seconds(), LONGEST)
    share = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    return round(plain * (1 + _JITTER * share))


def described(pools: Sequence[Pool]) -> str:
    """Return the pools in a few words: `g6.xlarge in us-east-1a, b, c; spot ...`."""
    places: dict[str, list[str]] = {}
    for pool in pools:
        market = "" if pool.market == ON_DEMAND else f"{pool.market} "
        into = f" of {pool.reservation}" if pool.reservation else ""
        zones = places.setdefault(f"{market}{pool.type}{into}", [])
        zones.append(pool.zone[-1] if zones else pool.zone)
    return "; ".join(f"{what} in {', '.join(zones)}" for what, zones in places.items())


def key(*, repairing: bool) -> str:
    """Return the specification's key that sets the limit."""
    return "repair_wait_hours" if repairing else "wait_minutes"


def times(rounds: int) -> str:
    return "once" if rounds == 1 else f"{rounds} times"


def clock_time(moment: datetime) -> str:
    """Return a moment for a sentence, e.g. `Nov 28 12:40 UTC`: a wait may last for days."""
    return f"{moment:%b %d %H:%M} UTC"
