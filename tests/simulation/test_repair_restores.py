"""O12: a repair puts back whatever its host needs, not the instance alone."""

from __future__ import annotations

from simlab import World

SPEC = {"name": "demo", "model": "m", "dns": {"domain": "example.com"}}
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]
KINDS = ("subnets", "route_tables", "security_groups", "buckets", "parameters", "records")


def looks(world):
    """How many things of each kind are there, and the addresses."""
    found = world.inventory()
    return {kind: len(found[kind]) for kind in (*KINDS, "addresses", "repositories", "images")}


def resource(world, role):
    [row] = [r for r in world.rows("demo") if r["sk"] == f"resource#{role}"]
    return row["id"]


def remove_everything_beside(world, lost):
    """Subnet, routes, rule, record, address, keys, bucket and scripts; the image stays."""
    ec2, s3, ssm = (world.account.client(s) for s in ("ec2", "s3", "ssm"))
    route53 = world.account.client("route53")
    world.terminate(lost)
    world.account.clock.advance(61)  # terminated, and no event has come yet
    ec2.delete_route(
        RouteTableId=resource(world, "public-routes"), DestinationCidrBlock="0.0.0.0/0"
    )
    [table] = ec2.describe_route_tables(RouteTableIds=[resource(world, "public-routes")])[
        "RouteTables"
    ]
    for association in table["Associations"]:
        ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_subnet(SubnetId=resource(world, "public-subnet-0"))
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ANYWHERE}
    ec2.revoke_security_group_ingress(GroupId=resource(world, "firewall"), IpPermissions=[https])
    for found in ec2.describe_addresses()["Addresses"]:
        ec2.release_address(AllocationId=found["AllocationId"])
    for found in ssm.describe_parameters()["Parameters"]:
        ssm.delete_parameter(Name=found["Name"])
    bucket = resource(world, "bucket")
    for item in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    [zone] = route53.list_hosted_zones()["HostedZones"]
    listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    ours = [r for r in listed if r["Type"] in {"A", "TXT"}]
    changes = [{"Action": "DELETE", "ResourceRecordSet": record} for record in ours]
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes})


def test_a_repair_restores_what_was_removed_by_hand_and_builds_no_image():
    with World.open(seed=12) as world:
        first = world.up(**SPEC)
        world.pass_(minutes=10)
        before, vpc = looks(world), resource(world, "vpc")
        with world.account.uncounted():
            remove_everything_beside(world, first["instance_id"])
        already = len(world.account.calls)

        world.until(lambda: world.serving(first["endpoint"]) not in {None, first["instance_id"]})
        world.quiet()

        assert looks(world) == before
        assert resource(world, "vpc") == vpc
        calls = [call.operation for call in world.account.calls[already:]]
        assert "StartBuild" not in calls
        again = world.up(**SPEC)
        assert again["instance_id"] == world.serving(first["endpoint"])
