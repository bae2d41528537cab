"""Faults of EC2, EventBridge and the network around a host that is well."""

from __future__ import annotations

import http.client
import json
import time

from lamplighter.errors import Unavailable
from twin.emulator import faults
from twin.emulator.switches import FAIL_CHECK
from twin.faults.target import OWNER, Target

_NO_CAPACITY = {
    "when": "before", "do": "error", "status": 500, "code": "InsufficientInstanceCapacity",
    "message": "We currently do not have sufficient capacity in the zone that you requested.",
}  # fmt: skip
_LOST_SECONDS, _AWAY_SECONDS = 60.0, 300.0
_NOWHERE = "192.0.2.1"  # an address of documentation: RFC 5737
_CALL_SECONDS = 20


def terminate(target: Target) -> None:
    target.clients("ec2").terminate_instances(InstanceIds=[target.instance])


def stop(target: Target) -> None:
    target.clients("ec2").stop_instances(InstanceIds=[target.instance])


def status_check(target: Target) -> None:
    """The machine stands still; EC2 and the alarms on the check say so."""
    target.order("condition", f"unreachable-{target.check}")
    wanted = json.dumps({"instance": target.instance, "check": target.check})
    local_aws = http.client.HTTPConnection("127.0.0.1", target.twin.port, timeout=_CALL_SECONDS)
    try:
        local_aws.request("POST", FAIL_CHECK, wanted)
        status = local_aws.getresponse().status
    finally:
        local_aws.close()
    if status != http.client.OK:
        raise Unavailable(f"the local AWS refused the status check with {status}: see emulator.log")


def capacity_away(target: Target) -> None:
    until = time.time() + (target.seconds or _AWAY_SECONDS)
    for call in ("ec2.RunInstances", "ec2.StartInstances"):
        faults.plan(target.twin.faults, call, _NO_CAPACITY | {"until": until})


def event_lost(target: Target) -> None:
    until = time.time() + (target.seconds or _LOST_SECONDS)
    lost = {"when": "before", "do": "lose", "until": until}
    faults.plan(target.twin.faults, str(faults.DELIVER), lost)


def network_cut(target: Target) -> None:
    """Take the Elastic IP off the host; without one, lead its DNS records nowhere."""
    ec2 = target.clients("ec2")
    filters = [{"Name": f"tag:{OWNER}", "Values": [target.deployment]}]
    held = [
        each["AssociationId"]
        for each in ec2.describe_addresses(Filters=filters)["Addresses"]
        if each.get("InstanceId") == target.instance
    ]
    for association in held:
        ec2.disassociate_address(AssociationId=association)
    if not held:
        _lead_nowhere(target)


def _lead_nowhere(target: Target) -> None:
    described = target.clients("ec2").describe_instances(InstanceIds=[target.instance])
    address = described["Reservations"][0]["Instances"][0].get("PublicIpAddress")
    dns, found = target.clients("route53"), False
    for zone in dns.list_hosted_zones()["HostedZones"]:
        listed = dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        for record in listed:
            values = [each["Value"] for each in record.get("ResourceRecords", [])]
            if record["Type"] == "A" and values == [address]:
                elsewhere = record | {"ResourceRecords": [{"Value": _NOWHERE}]}
                change = {"Action": "UPSERT", "ResourceRecordSet": elsewhere}
                dns.change_resource_record_sets(
                    HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]}
                )
                found = True
    if not found:
        raise Unavailable(f"{target.instance} has neither an Elastic IP nor a DNS record to cut")
