# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""Instance types: a small table in place of ministack's "every name exists, with 8 vCPUs".

Figures as AWS publishes them (not read from an account). Every type is offered in zones a and b of
the region; zone c has no GPUs, so that a choice of zones can be wrong here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from ministack.core.responses import get_region
from ministack.services import ec2

from twin.emulator.ec2_api import (
    Answer,
    Handler,
    Parameters,
    added,
    answer,
    around,
    error,
    filters,
    members,
    value,
)


@dataclass(frozen=True, slots=True)
class Type:
    """memory_gib: of the instance; gpu_mib: of each GPU."""

    vcpus: int
    memory_gib: int
    gpus: int = 0
    gpu: str = ""
    gpu_mib: int = 0


_T4, _A10G, _L4, _L40S = ("T4", 16384), ("A10G", 24576), ("L4", 22888), ("L40S", 45776)
_A100, _H100 = ("A100", 40960), ("H100", 81920)

TYPES = {
    "t3.micro": Type(2, 1), "t3.small": Type(2, 2), "t3.medium": Type(2, 4),
    "t3.large": Type(2, 8), "t3.xlarge": Type(4, 16), "t3.2xlarge": Type(8, 32),
    "m5.large": Type(2, 8), "m5.xlarge": Type(4, 16), "m5.2xlarge": Type(8, 32),
    "m6i.large": Type(2, 8), "m6i.xlarge": Type(4, 16), "m6i.2xlarge": Type(8, 32),
    "c5.large": Type(2, 4), "c5.xlarge": Type(4, 8), "c6i.4xlarge": Type(16, 32),
    "g4dn.xlarge": Type(4, 16, 1, *_T4), "g4dn.2xlarge": Type(8, 32, 1, *_T4),
    "g4dn.12xlarge": Type(48, 192, 4, *_T4),
    "g5.xlarge": Type(4, 16, 1, *_A10G), "g5.2xlarge": Type(8, 32, 1, *_A10G),
    "g5.12xlarge": Type(48, 192, 4, *_A10G), "g5.48xlarge": Type(192, 768, 8, *_A10G),
    "g6.xlarge": Type(4, 16, 1, *_L4), "g6.2xlarge": Type(8, 32, 1, *_L4),
    "g6.12xlarge": Type(48, 192, 4, *_L4), "g6.48xlarge": Type(192, 768, 8, *_L4),
    "g6e.xlarge": Type(4, 32, 1, *_L40S), "g6e.2xlarge": Type(8, 64, 1, *_L40S),
    "g6e.12xlarge": Type(48, 384, 4, *_L40S), "g6e.48xlarge": Type(192, 1536, 8, *_L40S),
    "p4d.24xlarge": Type(96, 1152, 8, *_A100), "p5.48xlarge": Type(192, 2048, 8, *_H100),
}  # fmt: skip


def install() -> None:
    around("DescribeInstanceTypes", _describe)
    added("DescribeInstanceTypeOfferings", _offerings)


def _describe(_: Handler, parameters: Parameters) -> Answer:
    asked = members(parameters, "InstanceType") or list(TYPES)
    unknown = [each for each in asked if each not in TYPES]
    if unknown:
        listed = ", ".join(unknown)
        return error(
            "InvalidInstanceType", f"The following supplied instance types do not exist: [{listed}]"
        )
    wanted = filters(parameters).get("instance-type", asked)
    items = "".join(_type_xml(each, TYPES[each]) for each in asked if _matches(each, wanted))
    return answer("DescribeInstanceTypes", f"<instanceTypeSet>{items}</instanceTypeSet>")


def _matches(name: str, patterns: list[str]) -> bool:
    return any(ec2._glob_match(pattern, name) for pattern in patterns)


def _type_xml(name: str, kind: Type) -> str:
    return f"""<item><instanceType>{name}</instanceType><currentGeneration>true</currentGeneration>
        <supportedUsageClasses><item>on-demand</item><item>spot</item></supportedUsageClasses>
        <supportedRootDeviceTypes><item>ebs</item></supportedRootDeviceTypes>
        <supportedVirtualizationTypes><item>hvm</item></supportedVirtualizationTypes>
        <hypervisor>nitro</hypervisor><processorInfo><supportedArchitectures><item>x86_64</item>
        </supportedArchitectures></processorInfo>
        <vCpuInfo><defaultVCpus>{kind.vcpus}</defaultVCpus></vCpuInfo>
        <memoryInfo><sizeInMiB>{kind.memory_gib * 1024}</sizeInMiB></memoryInfo>
        {_gpu_xml(kind)}</item>"""


def _gpu_xml(kind: Type) -> str:
    if not kind.gpus:
        return ""
    return f"""<gpuInfo><gpus><item><name>{kind.gpu}</name><manufacturer>NVIDIA</manufacturer>
        <count>{kind.gpus}</count><memoryInfo><sizeInMiB>{kind.gpu_mib}</sizeInMiB></memoryInfo>
        </item></gpus><totalGpuMemoryInMiB>{kind.gpus * kind.gpu_mib}</totalGpuMemoryInMiB>
        </gpuInfo>"""


def _offerings(parameters: Parameters) -> Answer:
    kind = value(parameters, "LocationType") or "region"
    wanted = filters(parameters)
    items = "".join(
        f"<item><instanceType>{name}</instanceType><locationType>{kind}</locationType>"
        f"<location>{location}</location></item>"
        for name in TYPES
        for location in _locations(kind, name)
        if _matches(name, wanted.get("instance-type", ["*"]))
        and _matches(location, wanted.get("location", ["*"]))
    )
    inner = f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>"
    return answer("DescribeInstanceTypeOfferings", inner)


def _locations(kind: str, name: str) -> list[str]:
    region = get_region()
    if kind == "region":
        return [region]
    zones = [region + letter for letter in ("ab" if TYPES[name].gpus else "abc")]
    return [ec2._az_id_for_zone_name(each) for each in zones] if "id" in kind else zones
