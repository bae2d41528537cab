from __future__ import annotations

from typing import Any


def test_the_tags_of_what_was_deleted_are_gone(ec2: Any) -> None:
    tags = [{"Key": "lamplighter:deployment", "Value": "demo"}]
    specification = [{"ResourceType": "vpc", "Tags": tags}]
    gone, kept = (
        ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=specification)["Vpc"]["VpcId"]
        for _ in range(2)
    )

    ec2.delete_vpc(VpcId=gone)

    assert {tag["ResourceId"] for tag in ec2.describe_tags()["Tags"]} == {kept}
