"""Prices from the dated snapshot beside this file.

`make prices` writes the snapshot anew. All prices are USD, on demand, without discounts and tax.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_SNAPSHOT = Path(__file__).with_name("prices.json")
_MOST_COMPLETE = "us-east-1"


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type with GPUs and its price in one region. gpu_gib: as the GPU's name says."""

    type: str
    gpu: str
    gpus: int
    gpu_gib: float
    usd: float


@dataclass(frozen=True, slots=True)
class Price:
    """USD per unit; the unit is the caller's. source: whose price this is, of which day."""

    usd: float
    source: str


def offers(region: str) -> list[Offer]:
    """Return the snapshot's instance types with GPUs that have a price in the region."""
    types: Mapping[str, Any] = _snapshot()["instances"]["types"]
    return [
        Offer(name, each["gpu"], each["gpus"], each["gpu_gib"], each["usd"][region])
        for name, each in types.items()
        if region in each["usd"]
    ]


def of_instance(instance_type: str, region: str) -> Price | None:
    """Return the snapshot's price per hour; None for a type or region that it lacks."""
    section = _snapshot()["instances"]
    usd = section["types"].get(instance_type, {}).get("usd", {}).get(region)
    return Price(usd, f"snapshot of {section['date']}") if usd else None


def of(what: str, region: str) -> Price:
    """Return the snapshot's price of disk (GiB-month), address, nat (hours), metric (month),
    metric_request or alarm (month); where it lacks the region, that of us-east-1, which its source
    says.
    """
    found = _snapshot()["others"][what]
    by_region, source = found["usd"], f"snapshot of {found['date']}"
    if region in by_region or len(by_region) == 1:  # the same everywhere
        return Price(by_region.get(region, by_region[_MOST_COMPLETE]), source)
    return Price(by_region[_MOST_COMPLETE], f"{source}, price of {_MOST_COMPLETE}")


@cache
def _snapshot() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_SNAPSHOT.read_text(encoding="utf-8"))
    return document
