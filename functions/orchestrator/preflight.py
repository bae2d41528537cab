"""What can be known to be wrong before anything is created, asked of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orchestrator import engine_image
from orchestrator.aws_errors import code
from orchestrator.errors import InvalidRequest
from orchestrator.resources import bucket, dns, launch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_ec2.type_defs import GpuDeviceInfoTypeDef

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment

_MAX_BUCKET_NAME = 63  # characters; S3's


def check(clients: Clients, deployment: Deployment) -> None:
    """Raise InvalidRequest with one line per problem; create nothing."""
    problems = [
        *_name(clients, deployment),
        *_instance_type(clients, deployment),
        *_image(clients, deployment),
        *_engine_image(clients, deployment),
        *_domain(clients, deployment),
        *_token(clients, deployment),
    ]
    if problems:
        raise InvalidRequest("\n".join(problems))


def _name(clients: Clients, deployment: Deployment) -> Iterator[str]:
    excess = len(bucket.name_of(clients, deployment.name)) - _MAX_BUCKET_NAME
    if excess > 0:
        yield (
            f"name: {deployment.name!r} is too long in {clients.settings.region}, whose name stands"
            f" beside it in the bucket's; choose one that is {excess} characters shorter"
        )


def _instance_type(clients: Clients, deployment: Deployment) -> Iterator[str]:
    name, wanted = deployment.instance.type, deployment.network.zones
    region = clients.settings.region
    try:
        [found] = clients.ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"]  # type: ignore[list-item]
    except ClientError as error:
        if code(error) not in {"InvalidInstanceType", "InvalidParameterValue"}:
            raise
        yield f"instance.type: {name!r} is no instance type of {region}; allowed: e.g. g6.xlarge"
        return
    if deployment.instance.gpu != ("GpuInfo" in found):
        has = "has" if "GpuInfo" in found else "has no"
        yield (
            f"instance.type: {name} {has} GPU, but instance.gpu is "
            f"{str(deployment.instance.gpu).lower()}; change one of them"
        )
    if "x86_64" not in found.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"]):
        yield f"instance.type: {name} is not x86_64, and neither are the images"
    yield from _gpus(deployment, found.get("GpuInfo", {}).get("Gpus", []))
    offered = clients.ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [name]}],
    )["InstanceTypeOfferings"]
    if len(offered) < wanted:
        zones = ", ".join(sorted(offer["Location"] for offer in offered)) or "none"
        yield f"network.zones: {wanted} wanted, but {name} is offered in {zones} of {region}"


def _gpus(deployment: Deployment, gpus: Sequence[GpuDeviceInfoTypeDef]) -> Iterator[str]:
    """gpus: of the instance type."""
    name, engine = deployment.instance.type, deployment.engine
    count = sum(gpu.get("Count", 0) for gpu in gpus)
    if deployment.instance.gpu and engine.gpus > count > 0:
        yield (
            "engine.tensor_parallel_size x pipeline_parallel_size (x --data-parallel-size): "
            f"{engine.gpus} GPUs wanted, {name} has {count}"
        )
    old = engine_image.unsupported_gpus(engine.image, [gpu.get("Name", "") for gpu in gpus])
    if deployment.instance.gpu and old:
        yield (
            f"instance.type: {name} has {old[0]} GPUs, which {engine.image} (CUDA 13) does not "
            "support; choose a newer one, e.g. g6.xlarge, or an engine.image for CUDA 12"
        )


def _image(clients: Clients, deployment: Deployment) -> Iterator[str]:
    spec = deployment.instance
    try:
        image = launch.find_image(clients, deployment)
    except ClientError as error:
        if not code(error).startswith("InvalidAMIID"):
            raise
        yield f"instance.ami: there is no image {spec.ami!r} in {clients.settings.region}"
        return
    sizes = [m.get("Ebs", {}).get("VolumeSize", 0) for m in image.get("BlockDeviceMappings", [])]
    if max(sizes, default=0) > spec.root_volume_gib:
        yield (
            f"instance.root_volume_gib: {spec.root_volume_gib} is less than the {max(sizes)} GiB "
            f"of the image {image['ImageId']}"
        )
    is_old = engine_image.has_older_driver(image.get("Name", ""))
    if spec.gpu and is_old and engine_image.needs_cuda_13(deployment.engine.image):
        yield (
            f"instance.ami: {image['ImageId']} ({image['Name']}) is older than the NVIDIA driver "
            f"{engine_image.CUDA_13_DRIVER} that {deployment.engine.image} (CUDA 13) needs; "
            "leave instance.ami out for the newest, or choose an engine.image for CUDA 12"
        )


def _engine_image(clients: Clients, deployment: Deployment) -> Iterator[str]:
    image = deployment.engine.image
    problem = engine_image.registry_problem(image, clients.settings.account)
    if problem and deployment.engine_kind != "none":
        yield f"engine.image: {problem}"


def _domain(clients: Clients, deployment: Deployment) -> Iterator[str]:
    if deployment.dns.domain:
        try:
            dns.zone(clients, deployment.dns)
        except InvalidRequest as error:
            yield str(error)


def _token(clients: Clients, deployment: Deployment) -> Iterator[str]:
    """Ask for the parameter's metadata only: its value is the host's business."""
    name = deployment.engine.hf_token_parameter
    if name is None:
        return
    found = clients.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    if not found:
        yield f"engine.hf_token_parameter: there is no SSM parameter {name!r}; create it first"
    elif found[0]["Type"] != "SecureString":
        yield f"engine.hf_token_parameter: {name} is a {found[0]['Type']}; use a SecureString"
