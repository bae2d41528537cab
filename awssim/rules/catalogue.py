"""What must exist before an instance can start: image, type, instance profile, security groups.

Moto knows neither today's Ubuntu images nor Canonical's public SSM parameters; here they exist.
Moto checks image and type only when configured to, and has its own word for an unknown profile.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import moto.ec2.models.amis
import moto.settings
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awssim.request import Proceed, Request, Response, Rule

_PARAMETER = "/aws/service/canonical/ubuntu/server/{}/stable/current/amd64/hvm/ebs-{}/ami-id"
_JAMMY, _NOBLE = "ami-00000000000022040", "ami-00000000000024040"
_GPU_PARAMETER = (
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-{}/latest/ami-id"
)
IMAGES: Mapping[str, str] = {
    _PARAMETER.format("22.04", "gp2"): _JAMMY,
    _PARAMETER.format("24.04", "gp3"): _NOBLE,
    _GPU_PARAMETER.format("22.04"): _JAMMY,
    _GPU_PARAMETER.format("24.04"): _NOBLE,
}
"""Canonical's and AWS's public parameters -> the images of this region: there are no others."""

_ROOT_DEVICE = "/dev/sda1"


@contextmanager
def in_force() -> Iterator[None]:
    """Moto has our two images instead of 1,300 (0.2 s less per account), and checks what is run."""
    images = [_image(_JAMMY, "jammy-22.04"), _image(_NOBLE, "noble-24.04")]
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"MOTO_AMIS_PATH": "replaced in memory"}))
        stack.enter_context(mock.patch.object(moto.ec2.models.amis, "AMIS", images))
        for setting in ("ENABLE_AMI_VALIDATION", "EC2_ENABLE_INSTANCE_TYPE_VALIDATION"):
            stack.enter_context(mock.patch.object(moto.settings, setting, new=True))
        yield


def _image(identifier: str, release: str) -> dict[str, Any]:
    return {
        "ami_id": identifier,
        "name": f"ubuntu/images/hvm-ssd/ubuntu-{release}-amd64-server-20260101",
        "description": f"Canonical, Ubuntu, {release}, amd64",
        "owner_id": "099720109477",
        "state": "available",
        "public": True,
        "image_type": "machine",
        "architecture": "x86_64",
        "platform": None,
        "root_device_type": "ebs",
        "root_device_name": _ROOT_DEVICE,
        "sriov": "simple",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
    }


class Catalogue:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {
            "ec2.RunInstances": self._run,
            "ssm.GetParameter": self._get_parameter,
            "ssm.GetParameters": self._get_parameters,
        }

    def _run(self, request: Request, proceed: Proceed) -> Response:
        known = {g["GroupId"] for g in request.ask("DescribeSecurityGroups")["SecurityGroups"]}
        for group in _groups(request):
            if group not in known:
                request.refuse(
                    "InvalidGroup.NotFound", f"The security group '{group}' does not exist"
                )
        try:
            return proceed(_with_root_volume_deleted(request))
        except ClientError as refused:
            code = refused.response["Error"]["Code"]
            message = refused.response["Error"]["Message"]
            if code == "NoSuchEntity":
                request.refuse(
                    "InvalidParameterValue",
                    f"{message.rstrip('.')}. Invalid IAM Instance Profile name",
                )
            if code.startswith("InvalidInstanceType"):
                request.refuse("InvalidParameterValue", message)
            raise

    def _get_parameter(self, request: Request, proceed: Proceed) -> Response:
        image = IMAGES.get(request.parameters["Name"])
        if image is None:
            return proceed(request)
        return {"Parameter": _parameter(request.parameters["Name"], image)}

    def _get_parameters(self, request: Request, proceed: Proceed) -> Response:
        names = request.parameters["Names"]
        ours = [_parameter(name, IMAGES[name]) for name in names if name in IMAGES]
        others = [name for name in names if name not in IMAGES]
        response: Response = {"Parameters": [], "InvalidParameters": []}
        if others:
            response = proceed(request.changed(Names=others))
        response["Parameters"] += ours
        return response


def _groups(request: Request) -> list[str]:
    interfaces = request.parameters.get("NetworkInterfaces", [])
    inside = [group for interface in interfaces for group in interface.get("Groups", [])]
    return [*request.parameters.get("SecurityGroupIds", []), *inside]


def _parameter(name: str, image: str) -> dict[str, Any]:
    return {"Name": name, "Value": image, "Type": "String", "DataType": "aws:ec2:image"}


def _with_root_volume_deleted(request: Request) -> Request:
    """The images say DeleteOnTermination for their root volume; moto forgets it when overridden."""
    mappings = request.parameters.get("BlockDeviceMappings")
    if not mappings:
        return request
    return request.changed(BlockDeviceMappings=[_mapping(mapping) for mapping in mappings])


def _mapping(mapping: dict[str, Any]) -> dict[str, Any]:
    if mapping["DeviceName"] != _ROOT_DEVICE or "Ebs" not in mapping:
        return mapping
    return {**mapping, "Ebs": {"DeleteOnTermination": True, **mapping["Ebs"]}}
