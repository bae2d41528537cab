"""Which machine image (AMI) an instance boots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import InvalidRequest
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

_NO_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed")
# AWS's own image with driver and container toolkit; plain Ubuntu has neither.
_GPU_IMAGE = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-{}/latest/ami-id"
)
_CPU_IMAGE = "/aws/service/canonical/ubuntu/server/{}/stable/current/amd64/hvm/ebs-{}/ami-id"
_VOLUME_IN_NAME = {"22.04": "gp2", "24.04": "gp3"}  # Canonical's, per release


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
