"""What a host's row keeps of its pool and prices, from the moment of its launch."""

from __future__ import annotations

from typing import Any

from orchestrator.capacity import prices
from orchestrator.capacity.cost import HOURS
from orchestrator.capacity.pools import BLOCK, SPOT, Pool


def facts(pool: Pool, region: str, volume_gib: int) -> dict[str, Any]:
    """Return {"instance_type", "zone", "market"} and US dollars per hour; None is not known.

    The snapshot's prices, without a call of AWS; spot: the pool's, as its search saw it.
    """
    return {
        "instance_type": pool.type,
        "zone": pool.zone,
        "market": pool.market,
        "price_usd_hour": _instance(pool, region),
        "volume_usd_hour": round(volume_gib * prices.of("disk", region).usd / HOURS, 6),
        "address_usd_hour": prices.of("address", region).usd,
    }


def _instance(pool: Pool, region: str) -> float | None:
    if pool.market == SPOT:
        return pool.price
    if pool.market == BLOCK:  # paid for already
        return None
    found = prices.of_instance(pool.type, region)
    return found.usd if found else None
