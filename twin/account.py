"""The twin's account: what a user brings along, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twin.faults.target import OWNER, Clients, clients_of

DOMAIN = "demo.test"
_LIVE = ["pending", "running", "stopping", "stopped"]


def prepare(environment: Mapping[str, str]) -> None:
    """What users have before they install: a hosted zone of their domain."""
    dns = clients_of(environment)("route53")
    zones = dns.list_hosted_zones()["HostedZones"]
    if not any(zone["Name"].rstrip(".") == DOMAIN for zone in zones):
        dns.create_hosted_zone(Name=DOMAIN, CallerReference=DOMAIN)


def inventory(environment: Mapping[str, str]) -> list[str]:
    """What a deployment could have left behind: "kind id", sorted; account-level things are not."""
    clients = clients_of(environment)
    ec2 = clients("ec2")
    return sorted(
        [
            *_network(ec2),
            *_instances(ec2),
            *_storage(clients),
            *_records(clients("route53")),
            *_alarms(clients("cloudwatch")),
            *_schedules(clients("scheduler")),
            *_names(clients),
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


def _schedules(scheduler: Any) -> Iterator[str]:
    for each in scheduler.list_schedules()["Schedules"]:
        yield f"schedule {each['Name']}"


def _names(clients: Clients) -> Iterator[str]:
    for each in clients("acm").list_certificates()["CertificateSummaryList"]:
        yield f"certificate {each['DomainName']}"
    for each in clients("apigatewayv2").get_domain_names()["Items"]:
        yield f"domain name {each['DomainName']}"
