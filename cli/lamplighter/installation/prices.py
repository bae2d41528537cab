"""What `make prices` does: write the price snapshot of the orchestrator's package anew.

The instance types are those that the snapshot has; a new one is added there by hand, with its GPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lamplighter.aws.account import open_session
from lamplighter.errors import Unavailable

if TYPE_CHECKING:
    import boto3

SNAPSHOT = Path("functions/orchestrator/capacity/prices.json")
_SHARED_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
}
# What else is listed by region -> the word in its usage type, and its filter.
_OTHERS = {
    "disk": ("VolumeUsage.gp3", {"volumeApiName": "gp3"}),
    "nat": ("NatGateway-Hours", {"productFamily": "NAT Gateway"}),
}


@click.command()
@click.option("--profile", help="Profile of AWS's own configuration.")
@click.option("--file", type=click.Path(path_type=Path), default=SNAPSHOT, hidden=True)
def prices(profile: str | None, file: Path) -> None:
    """Write the price snapshot anew, from AWS's price list."""
    snapshot = json.loads(file.read_text(encoding="utf-8"))
    session, day = open_session(None, {}, profile), f"{datetime.now(UTC):%Y-%m-%d}"
    for name, found in snapshot["instances"]["types"].items():
        found["usd"] = dict(_listed(session, "BoxUsage", {"instanceType": name, **_SHARED_LINUX}))
        click.echo(f"{name}: {len(found['usd'])} regions")
    if not any(found["usd"] for found in snapshot["instances"]["types"].values()):
        raise Unavailable("AWS's price list answers with no price at all: nothing was written")
    snapshot["instances"]["date"] = day
    for what, (usage, fields) in _OTHERS.items():
        usd = dict(_listed(session, usage, fields))
        if usd:
            snapshot["others"][what] = {"date": day, "usd": usd}
        click.echo(f"{what}: {len(usd)} regions")
    file.write_text(written(snapshot), encoding="utf-8")
    click.echo(f"written: {file}, prices of {day}")


def written(snapshot: Mapping[str, Any]) -> str:
    """Return the snapshot with a type per line, so that a change of price is one changed line."""
    instances = snapshot["instances"]
    types = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(found)}"
        for name, found in sorted(instances["types"].items())
    )
    others = ",\n".join(
        f"  {json.dumps(what)}: {json.dumps(found)}" for what, found in snapshot["others"].items()
    )
    date = json.dumps(instances["date"])
    return (
        f'{{\n "instances": {{"date": {date}, "types": {{\n{types}\n }}}},\n'
        f' "others": {{\n{others}\n }}\n}}\n'
    )


def _listed(
    session: boto3.Session, usage: str, fields: Mapping[str, str]
) -> Iterator[tuple[str, float]]:
    """Yield (region, USD) of the products whose usage type has this word."""
    client: Any = session.client("pricing", region_name="us-east-1")
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]
    for page in client.get_paginator("get_products").paginate(
        ServiceCode="AmazonEC2", Filters=filters
    ):
        for product in map(json.loads, page["PriceList"]):
            attributes = product["product"]["attributes"]
            region, kind = attributes.get("regionCode"), attributes.get("usagetype", "")
            [term, *_] = product["terms"].get("OnDemand", {"": {}}).values()
            [unit, *_] = term.get("priceDimensions", {"": {}}).values()
            usd = float(unit.get("pricePerUnit", {}).get("USD", 0))
            if region and usage in kind and usd:
                yield region, usd
