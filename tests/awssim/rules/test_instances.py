from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from awssim.rules.instances import Instances
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

    from .conftest import Network


def _state(ec2: Any, instance: str) -> str:
    described = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    state: str = described["State"]["Name"]
    return state


def test_an_instance_is_pending_before_it_runs(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    launched = ec2.run_instances(**launch)["Instances"][0]

    account.clock.advance(30)

    assert launched["State"] == {"Name": "pending", "Code": 0}
    assert launched["LaunchTime"] < account.clock.now()
    assert _state(ec2, launched["InstanceId"]) == "running"


def test_a_stopped_instance_was_stopping_and_starts_again(
    account: Account, ec2: Any, instance: str
) -> None:
    states = []

    change = ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    account.clock.advance(30)
    states.append(_state(ec2, instance))
    ec2.start_instances(InstanceIds=[instance])
    states.append(_state(ec2, instance))
    account.clock.advance(30)
    states.append(_state(ec2, instance))

    assert change["PreviousState"]["Name"] == "running"
    assert change["CurrentState"]["Name"] == "stopping"
    assert states == ["stopped", "pending", "running"]


def test_a_terminated_instance_was_shutting_down(account: Account, ec2: Any, instance: str) -> None:
    change = ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    at_once = _state(ec2, instance)

    account.clock.advance(60)

    assert change["CurrentState"]["Name"] == "shutting-down"
    assert at_once == "shutting-down"
    assert _state(ec2, instance) == "terminated"


def test_terminating_twice_does_not_start_over(account: Account, ec2: Any, instance: str) -> None:
    ec2.terminate_instances(InstanceIds=[instance])
    account.clock.advance(60)

    ec2.terminate_instances(InstanceIds=[instance])

    assert _state(ec2, instance) == "terminated"


def test_a_stopping_instance_cannot_be_started(ec2: Any, instance: str) -> None:
    ec2.stop_instances(InstanceIds=[instance])

    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[instance])


def test_a_spot_instance_of_a_one_time_request_cannot_be_stopped(
    ec2: Any, launch: dict[str, Any]
) -> None:
    market = {"InstanceMarketOptions": {"MarketType": "spot"}}
    spot = ec2.run_instances(**launch, **market)["Instances"][0]["InstanceId"]

    with pytest.raises(ClientError, match=r"UnsupportedOperation.* one-time Spot Instance request"):
        ec2.stop_instances(InstanceIds=[spot])


def test_a_terminated_instance_cannot_be_started_or_rebooted(ec2: Any, instance: str) -> None:
    ec2.terminate_instances(InstanceIds=[instance])

    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[instance])
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.reboot_instances(InstanceIds=[instance])


def test_a_state_filter_sees_the_virtual_state(ec2: Any, launch: dict[str, Any]) -> None:
    ec2.run_instances(**launch)

    running = ec2.describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
    )
    pending = ec2.describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending"]}]
    )

    assert running["Reservations"] == []
    assert len(pending["Reservations"]) == 1


def test_only_running_instances_have_a_status_unless_all_are_asked_for(
    ec2: Any, launch: dict[str, Any]
) -> None:
    ec2.run_instances(**launch)

    default = ec2.describe_instance_status()["InstanceStatuses"]
    everything = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]

    assert default == []
    assert [status["InstanceState"]["Name"] for status in everything] == ["pending"]


def test_network_interfaces_go_with_a_terminated_instance(
    account: Account, ec2: Any, instance: str
) -> None:
    ec2.terminate_instances(InstanceIds=[instance])

    account.clock.advance(60)

    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_an_instance_keeps_what_it_was_launched_with(ec2: Any, launch: dict[str, Any]) -> None:
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "k", "Value": kind}]}
        for kind in ("instance", "volume")
    ]
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 77, "Encrypted": True}}
    made = ec2.run_instances(
        **launch, UserData="#!/bin/bash\n", TagSpecifications=tags, ClientToken="kept",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        BlockDeviceMappings=[root], InstanceMarketOptions={"MarketType": "spot"},
    )["Instances"][0]["InstanceId"]  # fmt: skip

    seen = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    data = ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"]
    disk = seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    volume = ec2.describe_volumes(VolumeIds=[disk])["Volumes"][0]

    assert base64.b64decode(data["Value"]) == b"#!/bin/bash\n"
    assert seen["Tags"] == [{"Key": "k", "Value": "instance"}]
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert (seen["ClientToken"], seen["InstanceLifecycle"]) == ("kept", "spot")
    assert seen["PrivateIpAddress"].startswith("10.0.0.")
    assert (volume["Size"], volume["Encrypted"], volume["Tags"][0]["Value"]) == (77, True, "volume")


def test_an_instance_has_a_public_address_only_when_asked_for(
    ec2: Any, launch: dict[str, Any]
) -> None:
    [interface] = launch["NetworkInterfaces"]
    private = [interface | {"AssociatePublicIpAddress": False}]

    launched = ec2.run_instances(**launch | {"NetworkInterfaces": private})["Instances"][0]

    assert launched.get("PublicIpAddress") is None


def test_each_state_that_an_instance_enters_is_a_change(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    instances = next(layer for layer in account.layers if isinstance(layer, Instances))
    made = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    account.clock.advance(30)
    ec2.stop_instances(InstanceIds=[made])
    first = instances.changes()

    ec2.terminate_instances(InstanceIds=[made])
    account.clock.advance(60)

    assert first == [(made, "pending"), (made, "running"), (made, "stopping")]
    assert instances.changes() == [(made, "shutting-down"), (made, "terminated")]
    assert instances.changes() == []


def test_the_groups_of_an_instance_are_those_of_its_interface(
    ec2: Any, network: Network, instance: str
) -> None:
    other = ec2.create_security_group(GroupName="b", Description="b", VpcId=network.vpc)["GroupId"]

    ec2.modify_instance_attribute(InstanceId=instance, Groups=[other])

    [found] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    [interface] = found["NetworkInterfaces"]
    assert [group["GroupId"] for group in found["SecurityGroups"]] == [other]
    assert [group["GroupId"] for group in interface["Groups"]] == [other]
