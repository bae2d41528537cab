"""The twin's account: what a user brings along, what is in it, and how to break an instance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Literal, TypeAlias

import boto3
from botocore.config import Config
from lamplighter.errors import UnknownDeployment, WrongUsage

Clients: TypeAlias = Callable[..., Any]
OWNER = "lamplighter:deployment"
DOMAIN = "demo.test"
_LIVE = ["pending", "running", "stopping", "stopped"]


def prepare(environment: Mapping[str, str]) -> None:
    """What users have before they install: a hosted zone of their domain."""
    dns = _clients(environment)("route53")
    zones = dns.list_hosted_zones()["HostedZones"]
    if not any(zone["Name"].rstrip(".") == DOMAIN for zone in zones):
        dns.create_hosted_zone(Name=DOMAIN, CallerReference=DOMAIN)


def break_instance(
    environment: Mapping[str, str],
    how: Literal["terminate", "stop", "spot-warning"],
    deployment: str | None,
) -> str:
    """Terminate or stop it, or warn of its interruption; return its id."""
    clients = _clients(environment)
    ec2 = clients("ec2")
    instance = _instance(ec2, deployment)
    match how:
        case "terminate":
            ec2.terminate_instances(InstanceIds=[instance])
        case "stop":
            ec2.stop_instances(InstanceIds=[instance])
        case "spot-warning":
            _warn(clients("events"), instance)
    return instance


def _instance(ec2: Any, deployment: str | None) -> str:
    """Return the one running instance that is meant.

    Raises UnknownDeployment when there is none, WrongUsage when there are several.
    """
    running = list(_running(ec2))
    owners = sorted({owner for owner, _ in running})
    if not owners:
        raise UnknownDeployment(
            "no deployment has a running instance: run `lamplighter --local up examples/demo.yaml`"
        )
    if deployment and deployment not in owners:
        raise UnknownDeployment(
            f"{deployment!r} has no running instance, these have: {', '.join(owners)}"
        )
    found = [instance for owner, instance in running if deployment in {None, owner}]
    if len(found) > 1:
        named = ", ".join(f"{instance} of {owner}" for owner, instance in running)
        raise WrongUsage(
            f"several instances run ({named}): choose with --deployment, e.g. --deployment "
            f"{owners[0]}"
        )
    return found[0]


def _running(ec2: Any) -> Iterator[tuple[str, str]]:
    """Yield deployment and id of each running instance."""
    filters = [
        {"Name": "instance-state-name", "Values": ["running"]},
        {"Name": "tag-key", "Values": [OWNER]},
    ]
    for reservation in ec2.describe_instances(Filters=filters)["Reservations"]:
        for each in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            yield tags[OWNER], each["InstanceId"]


def _warn(events: Any, instance: str) -> None:
    """What EC2 says two minutes before it takes a spot instance."""
    event = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Spot Instance Interruption Warning",
        "Detail": json.dumps({"instance-id": instance, "instance-action": "terminate"}),
        "Resources": [f"arn:aws:ec2:us-east-1a:instance/{instance}"],
    }
    events.put_events(Entries=[event])


def inventory(environment: Mapping[str, str]) -> list[str]:
    """What a deployment could have left behind: "kind id", sorted; account-level things are not."""
    clients = _clients(environment)
    ec2 = clients("ec2")
    return sorted(
        [
            *_network(ec2),
            *_instances(ec2),
            *_storage(clients),
            *_records(clients("route53")),
            *_alarms(clients("cloudwatch")),
        ]
    )


def _network(ec2: Any) -> Iterator[str]:
    yield from (
        f"vpc {each['VpcId']}" for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]
    )
    default = {each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"] if each["IsDefault"]}
    for each in ec2.describe_subnets()["Subnets"]:
        if each["VpcId"] not in default:
            yield f"subnet {each['SubnetId']}"
    for each in ec2.describe_internet_gateways()["InternetGateways"]:
        if not default & {held["VpcId"] for held in each["Attachments"]}:
            yield f"internet-gateway {each['InternetGatewayId']}"
    for each in ec2.describe_nat_gateways()["NatGateways"]:
        if each["State"] != "deleted":
            yield f"nat-gateway {each['NatGatewayId']}"
    for each in ec2.describe_addresses()["Addresses"]:
        yield f"address {each['PublicIp']}"
    for each in ec2.describe_security_groups()["SecurityGroups"]:
        if each["GroupName"] != "default":
            yield f"security-group {each['GroupId']}"


def _instances(ec2: Any) -> Iterator[str]:
    alive = [{"Name": "instance-state-name", "Values": _LIVE}]
    for reservation in ec2.describe_instances(Filters=alive)["Reservations"]:
        yield from (f"instance {each['InstanceId']}" for each in reservation["Instances"])
    yield from (f"volume {each['VolumeId']}" for each in ec2.describe_volumes()["Volumes"])


def _storage(clients: Clients) -> Iterator[str]:
    """Registries, our buckets (sam's is the installation's), our parameters."""
    for each in clients("ecr").describe_repositories()["repositories"]:
        yield f"repository {each['repositoryName']}"
    for each in clients("s3").list_buckets()["Buckets"]:
        if each["Name"].startswith("lamplighter-"):
            yield f"bucket {each['Name']}"
    named: Any = [{"Key": "Name", "Option": "BeginsWith", "Values": ["/lamplighter/"]}]
    answer = clients("ssm").describe_parameters(ParameterFilters=named)
    yield from (f"parameter {each['Name']}" for each in answer["Parameters"])


def _records(dns: Any) -> Iterator[str]:
    for zone in dns.list_hosted_zones()["HostedZones"]:
        for each in dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            if each["Type"] not in {"NS", "SOA"}:
                yield f"record {each['Type']} {each['Name'].rstrip('.')}"


def _alarms(cloudwatch: Any) -> Iterator[str]:
    """The deployments' alarms; those of the template are the installation's."""
    for page in cloudwatch.get_paginator("describe_alarms").paginate():
        for each in page["MetricAlarms"]:
            listed = cloudwatch.list_tags_for_resource(ResourceARN=each["AlarmArn"])["Tags"]
            if OWNER in {tag["Key"] for tag in listed}:
                yield f"alarm {each['AlarmName']}"


def _clients(environment: Mapping[str, str]) -> Clients:
    """Builds clients for the twin only: every address and key is the twin's, no profile counts."""
    os.environ.pop("AWS_PROFILE", None)
    return partial(
        _client,
        environment["AWS_ENDPOINT_URL"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_DEFAULT_REGION"],
    )


@cache
def _client(endpoint: str, key: str, secret: str, region: str, service: str) -> Any:
    """Built once: EC2's costs half a second of CPU."""
    quick = Config(retries={"total_max_attempts": 2}, read_timeout=20, proxies={})
    session = boto3.Session(key, secret, region_name=region)
    return session.client(service, endpoint_url=endpoint, config=quick)  # type: ignore[call-overload]
