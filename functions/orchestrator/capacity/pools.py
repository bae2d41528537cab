"""The pools of a deployment: what can be asked for an instance, one after the other.

The order is the operator's: the reservation first, then spot before on-demand (where both are
wanted), types as listed, zones as listed. Spot pools of one type are ordered by price instead: a
type is chosen for what it can do, a zone only for its price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.aws.clients import Clients
from orchestrator.capacity import reservations, spot_prices, zones
from orchestrator.capacity.reservations import Reservation
from orchestrator.errors import InvalidRequest
from orchestrator.spec.sections import Instance

ON_DEMAND, SPOT, BLOCK = "on-demand", "spot", "capacity-block"
# The markets of each instance.market, in their order; a capacity block is its reservation only.
_MARKETS = {
    "on-demand": (ON_DEMAND,),
    "spot": (SPOT,),
    "spot-then-on-demand": (SPOT, ON_DEMAND),
    "capacity-block": (),
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Where one RunInstances asks for an instance. market: on-demand, spot or capacity-block.

    reservation: the capacity reservation that it launches into. price: of spot, US dollars per
    hour, None where it is not known; no part of the pool's identity.
    """

    type: str
    zone: str
    market: str = ON_DEMAND
    reservation: str | None = None
    price: float | None = None

    def __str__(self) -> str:
        into = f" ({self.reservation})" if self.reservation else ""
        return f"{self.market} {self.type} in {self.zone}{into}"

    @property
    def key(self) -> str:
        """The pool's name in the ledger and in tokens."""
        return "/".join((self.type, self.zone, self.market, self.reservation or "-"))


def pools(clients: Clients, spec: Instance) -> list[Pool]:
    """Return the pools to ask, in their order.

    InvalidRequest: the reservation does not fit the specification, and is its only pool.
    """
    reserved = _reserved(clients, spec)
    types = spec.preferred_types
    offered = zones.offering(clients, types) if _MARKETS[spec.market] else {}
    prices = spot_prices.latest(clients, types) if SPOT in _MARKETS[spec.market] else {}
    return ordered(spec, offered, prices, reserved)


def zones_of(clients: Clients, spec: Instance, offered: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the zones of the pools, the preferred one first; offered: type -> zones."""
    reserved = _reserved(clients, spec)
    return list(dict.fromkeys(pool.zone for pool in ordered(spec, offered, {}, reserved)))


def _reserved(clients: Clients, spec: Instance) -> Reservation | None:
    """Return the reservation. One that is over is passed over where other pools are left, or no
    repair would be possible after its end; preflight refuses it.
    """
    try:
        return reservations.reservation(clients, spec)
    except InvalidRequest:
        if _MARKETS[spec.market]:
            return None
        raise


def ordered(
    spec: Instance,
    offered: Mapping[str, Sequence[str]],
    prices: Mapping[tuple[str, str], float],
    reserved: Reservation | None,
) -> list[Pool]:
    """Return the pools to ask, in their order. offered: type -> zones; prices: of spot pools."""
    first = []
    if reserved:
        market = BLOCK if spec.market == BLOCK else ON_DEMAND
        first = [Pool(reserved.type, reserved.zone, market, reserved.id)]
    return first + [
        pool
        for market in _MARKETS[spec.market]
        for each in spec.preferred_types
        for pool in _of_type(each, market, _wanted(spec, offered[each]), prices)
    ]


def _of_type(
    each: str, market: str, places: Sequence[str], prices: Mapping[tuple[str, str], float]
) -> list[Pool]:
    if market != SPOT:
        return [Pool(each, zone, market) for zone in places]
    found = [Pool(each, zone, market, price=prices.get((each, zone))) for zone in places]
    return sorted(found, key=lambda pool: (pool.price is None, pool.price or 0.0))


def _wanted(spec: Instance, offered: Sequence[str]) -> list[str]:
    """Return the zones of one type in the operator's order; without one, as EC2 names them."""
    return [zone for zone in spec.zones or offered if zone in offered]
