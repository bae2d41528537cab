"""Where in the region an instance type can be launched."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.aws.clients import Clients


def offering(clients: Clients, types: Sequence[str]) -> dict[str, list[str]]:
    """Return the availability zones that offer each of the types, sorted.

    Offerings also list Local and Wavelength Zones that the account has opted into
    (`us-west-2-lax-1a`), which have no NAT gateway, few types and another network border:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    """
    pages = clients.ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": list(types)}],
    )
    offered = [offer for page in pages for offer in page["InstanceTypeOfferings"]]
    full = clients.ec2.describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )["AvailabilityZones"]
    zones = {zone["ZoneName"] for zone in full}
    return {
        each: sorted(
            {offer["Location"] for offer in offered if offer["InstanceType"] == each} & zones
        )
        for each in types
    }
