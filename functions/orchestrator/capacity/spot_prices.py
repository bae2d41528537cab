"""What a spot instance costs at this moment."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.aws.clients import Clients


def latest(clients: Clients, types: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return (type, zone) -> US dollars per hour; a pool without a price is left out.

    A history that starts now holds the price in force of each pool:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
    """
    pages = clients.ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=list(types),  # type: ignore[arg-type] # EC2 has types that the stubs lack
        ProductDescriptions=["Linux/UNIX"],
        StartTime=clients.now(),
    )
    return {
        (price["InstanceType"], price["AvailabilityZone"]): float(price["SpotPrice"])
        for page in pages
        for price in page["SpotPriceHistory"]
    }
