"""Where in the region an instance type can be launched."""

from __future__ import annotations

from orchestrator.aws.clients import Clients


def offering(clients: Clients, instance_type: str) -> list[str]:
    """Return the availability zones that offer the type, sorted.

    Offerings also list Local and Wavelength Zones that the account has opted into
    (`us-west-2-lax-1a`), which have no NAT gateway, few types and another network border:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    """
    offered = clients.ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [instance_type]}],
    )["InstanceTypeOfferings"]
    full = clients.ec2.describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )["AvailabilityZones"]
    return sorted({offer["Location"] for offer in offered} & {zone["ZoneName"] for zone in full})
