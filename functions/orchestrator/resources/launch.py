"""What a launch asks EC2 for: image, disk, network, metadata service, market."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger, Row

_ROLE = "instance"
_VOLUME = "gp3"
_NO_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed")
# AWS's own image with driver and container toolkit; plain Ubuntu has neither.
_GPU_IMAGE = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-{}/latest/ami-id"
)
_CPU_IMAGE = "/aws/service/canonical/ubuntu/server/{}/stable/current/amd64/hvm/ebs-{}/ami-id"
_VOLUME_IN_NAME = {"22.04": "gp2", "24.04": "gp3"}  # Canonical's, per release


def launch(clients: Clients, deployment: Deployment, intent: Row) -> str:
    """Run the instance that the intent's row describes; return its id."""
    installation = clients.settings.installation
    extra = [(naming.GENERATION, str(intent["generation"]))]
    launched = clients.ec2_once.run_instances(
        **json.loads(intent["request"]),
        MinCount=1,
        MaxCount=1,
        ClientToken=intent["token"],
        TagSpecifications=[
            *naming.specification(installation, deployment, "instance", _ROLE, extra),
            *naming.specification(installation, deployment, "volume", _ROLE, extra),
        ],
    )
    return launched["Instances"][0]["InstanceId"]


def request(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, Any]:
    """Return RunInstances' parameters, to be kept in the intent: a repetition asks for the same."""
    spec = deployment.instance
    image = find_image(clients, deployment)
    scripts = ledger.resource("scripts") or {}
    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
    return {
        "ImageId": image["ImageId"],
        "InstanceType": spec.type,
        "UserData": scripts["user_data"],
        "IamInstanceProfile": {"Name": clients.settings.instance_profile},
        # A public address of its own from the first second: the bootstrap needs packages before
        # the Elastic IP is attached.
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": (ledger.resource("public-subnet-0") or {})["id"],
                "Groups": [(ledger.resource("firewall") or {})["id"]],
                "AssociatePublicIpAddress": True,
            }
        ],
        # Hop limit 1: containers on the bridge network cannot reach the metadata service.
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": image.get("RootDeviceName") or "/dev/sda1",
                "Ebs": {
                    "VolumeSize": spec.root_volume_gib,
                    "VolumeType": _VOLUME,
                    "Encrypted": True,
                    "DeleteOnTermination": True,
                },
            }
        ],
        **({"InstanceMarketOptions": market} if spec.market == "spot" else {}),
    }


def find_image(clients: Clients, deployment: Deployment) -> ImageTypeDef:
    """Return the image that the specification names, else the newest of its Ubuntu release.

    Raises InvalidRequest when there is none, e.g. because its owner deregistered it.
    """
    region = clients.settings.region
    image = deployment.instance.ami or _newest(clients, deployment)
    with tolerating(*_NO_IMAGE):
        for described in clients.ec2.describe_images(ImageIds=[image])["Images"]:
            return described
    raise InvalidRequest(
        f"instance.ami: there is no image {image!r} in {region}: it was deregistered, or is not "
        "shared with this account; name another one, or none for the newest Ubuntu"
    )


def _newest(clients: Clients, deployment: Deployment) -> str:
    """Return the id behind the public parameter of the specification's Ubuntu release."""
    spec = deployment.instance
    parameter = (
        _GPU_IMAGE.format(spec.ubuntu)
        if spec.gpu
        else _CPU_IMAGE.format(spec.ubuntu, _VOLUME_IN_NAME[spec.ubuntu])
    )
    with tolerating("ParameterNotFound"):
        return clients.ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    raise InvalidRequest(
        f"instance.ubuntu: {clients.settings.region} has no public parameter {parameter!r}; "
        "name an image of your own in instance.ami"
    )
