"""What can be known to be wrong before anything is created, asked of AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.aws import hosted_zones
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.capacity import reservations, zones
from orchestrator.errors import InvalidRequest
from orchestrator.launch import engine_image, machine_images
from orchestrator.masking import shown
from orchestrator.resources import bucket
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import GpuDeviceInfoTypeDef, ImageTypeDef, InstanceTypeInfoTypeDef

_MAX_BUCKET_NAME = 63  # characters; S3's


def check(clients: Clients, deployment: Deployment) -> None:
    """Raise InvalidRequest with one line per problem; create nothing."""
    problems = [
        *_name(clients, deployment),
        *_instance_types(clients, deployment),
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
            f"name: {deployment.name!r} is too long in {clients.settings.region}, whose name is"
            f" part of the bucket's, too; choose one that is {excess} characters shorter"
        )


def _instance_types(clients: Clients, deployment: Deployment) -> Iterator[str]:
    region = clients.settings.region
    known = {name: _described_type(clients, name) for name in deployment.instance.preferred_types}
    for name, found in known.items():
        if found is None:
            allowed = "allowed: e.g. g6.xlarge"
            yield f"instance.type: {name!r} is no instance type of {region}; {allowed}"
        else:
            yield from _instance_type(deployment, name, found)
    if all(known.values()):
        yield from _zones(clients, deployment)


def _instance_type(
    deployment: Deployment, name: str, found: InstanceTypeInfoTypeDef
) -> Iterator[str]:
    if deployment.instance.gpu != ("GpuInfo" in found):
        has = "has" if "GpuInfo" in found else "has no"
        yield (
            f"instance.type: {name} {has} GPU, but instance.gpu is "
            f"{str(deployment.instance.gpu).lower()}; change one of them"
        )
    if "x86_64" not in found.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"]):
        yield f"instance.type: {name} is not x86_64, and neither are the images"
    yield from _gpus(deployment, name, found.get("GpuInfo", {}).get("Gpus", []))


def _zones(clients: Clients, deployment: Deployment) -> Iterator[str]:
    spec, region = deployment.instance, clients.settings.region
    wanted = deployment.network.zones
    offered = zones.offering(clients, spec.preferred_types)
    places = sorted({zone for some in offered.values() for zone in some})
    types = " and ".join(spec.preferred_types)
    where = f"offered in {', '.join(places) or 'none'} of {region}"
    if len(places) < wanted:
        yield f"network.zones: {wanted} are needed, but {types} is {where}"
    for zone in spec.zones:
        if zone not in places:
            yield f"instance.zones: {zone} has no {types}, which is {where}; name one of those"
    for name, some in offered.items():
        if some and spec.zones and not set(some) & set(spec.zones):
            yield f"instance.type: {name} is offered in none of instance.zones; add {some[0]}"
    try:
        reservations.reservation(clients, spec)
    except InvalidRequest as error:
        yield str(error)


def _described_type(clients: Clients, name: str) -> InstanceTypeInfoTypeDef | None:
    with tolerating("InvalidInstanceType", "InvalidParameterValue"):
        answer = clients.ec2.describe_instance_types(InstanceTypes=[name])  # type: ignore[list-item]
        for found in answer["InstanceTypes"]:
            return found
    return None


def _gpus(deployment: Deployment, name: str, gpus: Sequence[GpuDeviceInfoTypeDef]) -> Iterator[str]:
    """gpus: of the instance type `name`."""
    engine = deployment.engine
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
        image = machine_images.find_image(clients, deployment)
    except InvalidRequest as error:
        yield str(error)
        return
    yield from _image_owner(clients, image)
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


def _image_owner(clients: Clients, image: ImageTypeDef) -> Iterator[str]:
    """The image runs as root with our instance's role: its maker has all the role's permissions."""
    settings = clients.settings
    owner, alias = image.get("OwnerId", ""), image.get("ImageOwnerAlias")
    if not {owner, alias} & {settings.account, *settings.image_owners}:
        yield (
            f"instance.ami: {image['ImageId']} belongs to {alias or owner or 'an unknown owner'}; "
            f"allowed: images of this account, {', '.join(settings.image_owners)}. Name one of "
            "those, copy this one (aws ec2 copy-image), or add its owner to ImageOwners "
            "(samconfig.toml, then make deploy)"
        )


def _domain(clients: Clients, deployment: Deployment) -> Iterator[str]:
    if deployment.dns.domain:
        try:
            hosted_zones.zone(clients, deployment.dns)
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
        yield f"engine.hf_token_parameter: there is no SSM parameter {shown(name)}; create it first"
    elif found[0]["Type"] != "SecureString":
        kind = found[0]["Type"]
        yield f"engine.hf_token_parameter: {shown(name)} is a {kind}; use a SecureString"
