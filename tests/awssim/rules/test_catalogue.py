from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


@pytest.mark.parametrize(("release", "volume"), [("22.04", "gp2"), ("24.04", "gp3")])
def test_canonicals_parameters_name_an_image_that_exists(
    account: Account, ec2: Any, release: str, volume: str
) -> None:
    server = f"/aws/service/canonical/ubuntu/server/{release}/stable/current/amd64"

    read = account.client("ssm").get_parameter(Name=f"{server}/hvm/ebs-{volume}/ami-id")

    image = read["Parameter"]["Value"]
    assert len(ec2.describe_images(ImageIds=[image])["Images"]) == 1


def test_public_and_own_parameters_are_read_together(account: Account) -> None:
    ssm = account.client("ssm")
    name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    ssm.put_parameter(Name="/own", Value="x", Type="String")

    read = ssm.get_parameters(Names=[name, "/own", "/missing"])

    assert {parameter["Name"] for parameter in read["Parameters"]} == {name, "/own"}
    assert read["InvalidParameters"] == ["/missing"]


def test_an_unknown_instance_type_is_refused(ec2: Any, launch: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        ec2.run_instances(**launch | {"InstanceType": "zz9.huge"})


def test_an_unknown_image_is_refused(ec2: Any, launch: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=r"InvalidAMIID\.NotFound"):
        ec2.run_instances(**launch | {"ImageId": "ami-00000000000000000"})


def test_an_unknown_instance_profile_is_refused_as_ec2_does(
    ec2: Any, launch: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*Invalid IAM Instance Profile"):
        ec2.run_instances(**launch, IamInstanceProfile={"Name": "nobody"})


def test_the_furnished_instance_profile_is_accepted(ec2: Any, launch: dict[str, Any]) -> None:
    launched = ec2.run_instances(**launch, IamInstanceProfile={"Name": "lamplighter-instance"})

    assert launched["Instances"][0]["IamInstanceProfile"]["Arn"].endswith("/lamplighter-instance")


def test_a_root_volume_of_chosen_size_goes_with_its_instance(
    account: Account, ec2: Any, launch: dict[str, Any]
) -> None:
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 100}}
    launched = ec2.run_instances(**launch, BlockDeviceMappings=[root])["Instances"][0]

    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])

    assert account.inventory()["volumes"] == []
