"""The strict AWS behind the twin's address: its rules hold there, and its events arrive.

The rules themselves are tested in this process, without waiting: tests/awssim.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import eventually

pytestmark = pytest.mark.twin


@dataclass(frozen=True, slots=True)
class Network:
    vpc: str
    subnet: str
    group: str
    gateway: str


@pytest.fixture(scope="module")
def ec2(account: Any) -> Any:
    return account.client("ec2")


@pytest.fixture
def network(ec2: Any) -> Iterator[Network]:
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", AvailabilityZone="us-east-1b")[
        "Subnet"
    ]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="web", Description="web")["GroupId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    yield Network(vpc, subnet, group, gateway)
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    for held in ec2.describe_instances(Filters=here)["Reservations"]:
        ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in held["Instances"]])


def launch(account: Any, network: Network, **options: Any) -> dict[str, Any]:
    wanted = {
        "ImageId": account.image(), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "SubnetId": network.subnet, "SecurityGroupIds": [network.group],
    } | options  # fmt: skip
    launched: dict[str, Any] = account.client("ec2").run_instances(**wanted)["Instances"][0]
    return launched


def refusal(call: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**options)
    return str(refused.value.response["Error"]["Code"])


def test_an_instance_keeps_what_it_was_launched_with(
    account: Any, ec2: Any, network: Network
) -> None:
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "k", "Value": kind}]}
        for kind in ("instance", "volume")
    ]
    made = launch(
        account, network, UserData="#!/bin/bash\necho hi\n", TagSpecifications=tags,
        IamInstanceProfile={"Name": account.outputs["Profile"]}, ClientToken="kept",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 77, "Encrypted": True}}
        ],
    )["InstanceId"]  # fmt: skip

    seen = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    data = ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"][
        "Value"
    ]
    volume = ec2.describe_volumes(VolumeIds=[seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])[
        "Volumes"
    ][0]

    assert base64.b64decode(data) == b"#!/bin/bash\necho hi\n"
    assert seen["Tags"] == [{"Key": "k", "Value": "instance"}]
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["ClientToken"] == "kept"
    assert seen["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert seen["PrivateIpAddress"].startswith("10.1.1.")
    assert seen["IamInstanceProfile"]["Arn"].endswith(account.outputs["Profile"])
    assert (volume["Size"], volume["Encrypted"], volume["Tags"][0]["Value"]) == (77, True, "volume")


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("SubnetId", "subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
        ("InstanceType", "zz9.huge", "InvalidParameterValue"),
        ("IamInstanceProfile", {"Name": "nobody"}, "InvalidParameterValue"),
        ("DryRun", True, "DryRunOperation"),
    ],
)
def test_a_launch_is_refused_in_awss_words(
    account: Any, network: Network, option: str, value: Any, code: str
) -> None:
    refused = refusal(lambda **wanted: launch(account, network, **wanted), **{option: value})

    assert refused == code


def test_a_client_token_launches_once(account: Any, network: Network) -> None:
    token = uuid.uuid4().hex
    first = launch(account, network, ClientToken=token)["InstanceId"]

    again = launch(account, network, ClientToken=token)["InstanceId"]
    other = refusal(lambda: launch(account, network, ClientToken=token, InstanceType="t3.small"))

    assert again == first
    assert other == "IdempotentParameterMismatch"


def test_what_moto_cannot_do_fails_aloud(account: Any, ec2: Any) -> None:
    wrong = refusal(ec2.describe_vpcs, Filters=[{"Name": "nonsense", "Values": ["x"]}])

    assert wrong == "NotImplemented"


@pytest.mark.parametrize(
    ("service", "read", "options", "code"),
    [
        ("ecr", "describe_repositories", {"repositoryNames": ["none"]},
         "RepositoryNotFoundException"),
        ("iam", "get_role", {"RoleName": "none"}, "NoSuchEntity"),
        ("route53", "get_hosted_zone", {"Id": "Z0"}, "NoSuchHostedZone"),
        ("acm", "describe_certificate",
         {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/0"},
         "ResourceNotFoundException"),
    ],
)  # fmt: skip
def test_each_service_refuses_in_its_own_protocol(
    account: Any, service: str, read: str, options: dict[str, str], code: str
) -> None:
    assert refusal(getattr(account.client(service), read), **options) == code


def test_a_role_of_the_template_is_read_as_any_other(account: Any) -> None:
    iam = account.client("iam")
    made = iam.create_role(RoleName="by-a-step", AssumeRolePolicyDocument='{"Statement": []}')

    [role] = iam.get_instance_profile(InstanceProfileName=account.outputs["Profile"])[
        "InstanceProfile"
    ]["Roles"]
    listed = {each["RoleName"]: each for each in iam.list_roles()["Roles"]}
    iam.delete_role(RoleName="by-a-step")

    assert listed[role["RoleName"]]["Arn"] == role["Arn"]
    assert listed["by-a-step"]["Arn"] == made["Role"]["Arn"]
    trust = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_the_roles_of_functions_have_their_policies(account: Any) -> None:
    iam = account.client("iam")
    function = account.client("lambda").get_function(FunctionName=account.outputs["Probe"])
    role = function["Configuration"]["Role"].rpartition("/")[2]

    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]

    assert [each["PolicyName"] for each in attached] == ["AWSLambdaBasicExecutionRole"]


def test_a_task_of_step_functions_meets_the_same_account(
    account: Any, ec2: Any, network: Network
) -> None:
    role = account.client("stepfunctions").describe_state_machine(
        stateMachineArn=account.outputs["Machine"]
    )["roleArn"]
    look = {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:describeVpcs", "End": True,
        "Arguments": {"VpcIds": [network.vpc]},
    }  # fmt: skip
    definition = {"QueryLanguage": "JSONata", "StartAt": "Look", "States": {"Look": look}}
    machine = account.client("stepfunctions").create_state_machine(
        name=uuid.uuid4().hex, definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]

    done = account.ended(account.start(machine, {}))

    assert json.loads(done["output"])["Vpcs"][0]["CidrBlock"] == "10.1.0.0/16"


def test_every_state_of_an_instance_is_an_event(account: Any, ec2: Any, network: Network) -> None:
    instance = launch(account, network)["InstanceId"]
    account.await_state(instance, "running")
    ec2.stop_instances(InstanceIds=[instance])
    account.await_state(instance, "stopped")
    ec2.start_instances(InstanceIds=[instance])
    ec2.terminate_instances(InstanceIds=[instance])

    ledger = account.client("dynamodb")
    rows = eventually(
        lambda: [
            each for each in ledger.scan(TableName=account.outputs["Table"])["Items"]
            if each["pk"]["S"].startswith(f"{instance} ")
        ],
        lambda found: len(found) == 6,  # pending is entered twice; not running a second time
        60,
    )  # fmt: skip

    event = next(json.loads(each["event"]["S"]) for each in rows if "terminated" in each["pk"]["S"])
    assert event["source"] == "aws.ec2"
    assert event["detail-type"] == "EC2 Instance State-change Notification"
    assert event["detail"] == {"instance-id": instance, "state": "terminated"}
    assert event["resources"] == [f"arn:aws:ec2:us-east-1:000000000000:instance/{instance}"]
    assert event["account"] == "000000000000"
    assert event["id"]
