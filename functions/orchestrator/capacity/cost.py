"""What a deployment costs while it runs, by line, with the source of each price.

Not counted, as it follows from use: data out, a NAT gateway's bytes, logs, requests to S3, the
build of an image. The installation itself costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.aws import alarms
from orchestrator.aws.clients import Clients
from orchestrator.capacity import pools, prices
from orchestrator.capacity.pools import Pool
from orchestrator.capacity.price_list import PriceList
from orchestrator.capacity.prices import Price
from orchestrator.spec.deployment import Deployment

HOURS = 730  # of a month, as AWS's calculator counts them
METRICS = 10  # that a host sends to CloudWatch at most, once a minute
_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Line:
    """usd: per hour; None where no price is known. source: whose price, of which day."""

    what: str
    usd: float | None
    source: str

    def document(self) -> dict[str, Any]:
        monthly = None if self.usd is None else round(self.usd * HOURS, 2)
        hourly = None if self.usd is None else round(self.usd, 6)
        return {
            "what": self.what,
            "usd_per_hour": hourly,
            "usd_per_month": monthly,
            "source": self.source,
        }


def table(clients: Clients, deployment: Deployment, asked: Sequence[Pool]) -> dict[str, Any]:
    """Return {"lines", "total", "pools"}: the lines count the first pool; pools has each one.

    asked: the pools in their order.
    """
    listed = PriceList(clients)
    on_demand = {kind: listed.instance(kind) for kind in dict.fromkeys(p.type for p in asked)}
    of_pools = [_of_pool(pool, on_demand[pool.type]) for pool in asked]
    lines = [*of_pools[:1], *_others(clients, deployment, listed)]
    return {
        "lines": [line.document() for line in lines],
        "total": _total(lines).document(),
        "pools": [line.document() for line in of_pools],
        "hours_per_month": HOURS,
    }


def _of_pool(pool: Pool, on_demand: Price | None) -> Line:
    if pool.market == pools.SPOT:
        return Line(str(pool), pool.price, "spot price now" if pool.price else "no spot price")
    if pool.market == pools.BLOCK:
        return Line(str(pool), None, "paid for with the capacity block")
    if on_demand is None:
        return Line(str(pool), None, "in no price list")
    return Line(str(pool), on_demand.usd, on_demand.source)


def _others(clients: Clients, deployment: Deployment, listed: PriceList) -> Iterable[Line]:
    region, size = clients.settings.region, deployment.instance.root_volume_gib
    disk, address = listed.disk(), prices.of("address", region)
    metric, request = prices.of("metric", region), prices.of("metric_request", region)
    yield Line(f"disk, {size} GiB gp3", size * disk.usd / HOURS, disk.source)
    yield Line("public IPv4 address", address.usd, address.source)
    if deployment.network.nat == "single":
        nat = listed.nat()
        yield Line("NAT gateway", nat.usd, nat.source)
        yield Line("public IPv4 address of the NAT gateway", address.usd, address.source)
    per_hour = METRICS * metric.usd / HOURS + _MINUTES * request.usd
    yield Line(f"{METRICS} metrics, sent once a minute", per_hour, metric.source)
    watched, alarm = len(alarms.rules(deployment)), prices.of("alarm", region)
    yield Line(f"{watched} CloudWatch alarms", watched * alarm.usd / HOURS, alarm.source)


def _total(lines: Sequence[Line]) -> Line:
    known = [line.usd for line in lines if line.usd is not None]
    missing = [line.what for line in lines if line.usd is None]
    what = f"total without {', '.join(missing)}" if missing else "total"
    return Line(what, sum(known), "")
