"""Tags go with their resource."""

from __future__ import annotations


def test_the_tags_of_what_was_deleted_are_not_listed(account):
    ec2 = account.client("ec2")
    tags = [{"Key": "whose", "Value": "mine"}]
    ids = [
        ec2.create_vpc(
            CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
        )["Vpc"]["VpcId"]
        for _ in range(2)
    ]
    ec2.delete_vpc(VpcId=ids[0])

    listed = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["whose"]}])["Tags"]

    assert [tag["ResourceId"] for tag in listed] == [ids[1]]
