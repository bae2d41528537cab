"""Prices of today, by AWS's Price List API, where it may be asked; else the dated snapshot's.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws.clients import Clients
from orchestrator.capacity import prices
from orchestrator.capacity.prices import Price

_SHARED_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
}


class PriceList:
    """The prices of one region. A list that does not answer, or may not be asked, is asked once."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._region = clients.settings.region
        self._answers = True

    def instance(self, instance_type: str) -> Price | None:
        """Return USD per hour on demand; None where neither list nor snapshot has the type."""
        asked = {"instanceType": instance_type, **_SHARED_LINUX}
        of_today = self._ask("BoxUsage", asked)
        return of_today or prices.of_instance(instance_type, self._region)

    def disk(self) -> Price:
        """Return USD per GiB and month of gp3."""
        of_today = self._ask("VolumeUsage.gp3", {"volumeApiName": "gp3"})
        return of_today or prices.of("disk", self._region)

    def nat(self) -> Price:
        """Return USD per hour of a NAT gateway, without what it is charged per GB."""
        of_today = self._ask("NatGateway-Hours", {"productFamily": "NAT Gateway"})
        return of_today or prices.of("nat", self._region)

    def _ask(self, usage: str, fields: dict[str, str]) -> Price | None:
        """Return the price of the product whose usage type has this word, None without one."""
        if not self._answers:
            return None
        wanted = {"regionCode": self._region, **fields}
        filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in wanted.items()]
        try:
            found = self._clients.pricing.get_products(ServiceCode="AmazonEC2", Filters=filters)
        except (BotoCoreError, ClientError):
            self._answers = False
            return None
        source = f"price list of {self._clients.now():%Y-%m-%d}"
        for product in map(json.loads, found["PriceList"]):
            if usage in product["product"]["attributes"].get("usagetype", ""):
                for usd in _on_demand(product):
                    return Price(usd, source)
        return None


def _on_demand(product: dict[str, Any]) -> Iterator[float]:
    """Yield the prices without commitment, USD per unit."""
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if usd := float(dimension["pricePerUnit"].get("USD", 0)):
                yield usd
