"""Does AWS have what the specification names: types, zones, images, domain, parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.aws import hosted_zones
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.capacity import reservations, zones
from orchestrator.errors import InvalidRequest
from orchestrator.launch import engine_image, machine_images
from orchestrator.masking import shown
from orchestrator.preflight.check import Check, judged, looked
from orchestrator.resources import bucket
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.gateway.checks import keys_of_fallbacks

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import GpuDeviceInfoTypeDef, ImageTypeDef, InstanceTypeInfoTypeDef

_MAX_BUCKET_NAME = 63  # characters; S3's
_MAKER = "NVIDIA"


Known = Mapping[str, "InstanceTypeInfoTypeDef | None"]


def checks(clients: Clients, deployment: Deployment, known: Known) -> list[Check]:
    """known: the instance types that are asked for, as EC2 describes them; None: it has none."""
    types = ", ".join(deployment.instance.preferred_types)
    domain = deployment.dns.domain
    ami = deployment.instance.ami or f"the newest of Ubuntu {deployment.instance.ubuntu}"
    groups: list[tuple[str, str, Callable[[], Iterator[str]]]] = [
        ("name", deployment.name, partial(_name, clients, deployment)),
        ("instance.type", types, partial(_instance_types, clients, deployment, known)),
        ("instance.ami", ami, partial(_image, clients, deployment)),
        ("engine.image", deployment.engine.image, partial(_engine_image, clients, deployment)),
    ]
    if domain:
        groups.append(("dns.domain", domain, partial(_domain, clients, deployment)))
    secrets = [
        ("engine.hf_token_parameter", deployment.engine.hf_token_parameter),
        *keys_of_fallbacks(deployment.gateway),
    ]
    groups += [
        (key, shown(name), partial(_secret, clients, key, name)) for key, name in secrets if name
    ]
    return [check for group in groups for check in _looked(*group)]


def described(clients: Clients, deployment: Deployment) -> Known:
    """Return the instance types that are asked for, as EC2 describes them; None: it has none."""
    return {name: _described_type(clients, name) for name in deployment.instance.preferred_types}


def _looked(name: str, passed: str, look: Callable[[], Iterator[str]]) -> list[Check]:
    return looked(name, lambda: judged(name, passed, look()))


def _name(clients: Clients, deployment: Deployment) -> Iterator[str]:
    excess = len(bucket.name_of(clients, deployment.name)) - _MAX_BUCKET_NAME
    if excess > 0:
        yield (
            f"name: {deployment.name!r} is too long in {clients.settings.region}, whose name is"
            f" part of the bucket's, too; choose one that is {excess} characters shorter"
        )


def _instance_types(clients: Clients, deployment: Deployment, known: Known) -> Iterator[str]:
    region = clients.settings.region
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
    """gpus: of the instance type `name`; EC2 counts a part of one (g6f) as 0, or 1 logical."""
    engine = deployment.engine
    count = sum(gpu.get("LogicalGpuCount") or gpu.get("Count") or 1 for gpu in gpus)
    others = sorted({gpu.get("Manufacturer", _MAKER) for gpu in gpus} - {_MAKER})
    if deployment.instance.gpu and others:
        yield (
            f"instance.type: {name} has GPUs of {others[0]}, and the host's driver and engine are "
            f"for {_MAKER}'s; choose another, e.g. g6.xlarge"
        )
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
    try:
        hosted_zones.zone(clients, deployment.dns)
    except InvalidRequest as error:
        yield str(error)


def _secret(clients: Clients, key: str, name: str) -> Iterator[str]:
    """Ask for the parameter's metadata only: its value is the host's business."""
    found = clients.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    if not found:
        yield f"{key}: there is no SSM parameter {shown(name)}; create it first"
    elif found[0]["Type"] != "SecureString":
        kind = found[0]["Type"]
        yield f"{key}: {shown(name)} is a {kind}; use a SecureString"
