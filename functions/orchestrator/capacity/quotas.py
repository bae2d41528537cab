"""The account's service quotas, and how much of a vCPU quota runs already.

Instance types share a vCPU quota by family; on-demand and spot have quotas of their own:
https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

_ABSENT = "NoSuchResourceException"
_ALIVE = ["pending", "running"]
# By the letters before the digits of a type, e.g. `g` of g6.xlarge; all others are `Standard`'s.
_FAMILIES = {
    **dict.fromkeys(("g", "gr", "vt"), "G and VT"),
    "p": "P",
    "f": "F",
    "inf": "Inf",
    "trn": "Trn",
    "dl": "DL",
    "hpc": "HPC",
    "x": "X",
    "u": "High Memory",
}
# family -> codes of its on-demand and its spot quota, in vCPUs
_VCPUS = {
    "G and VT": ("L-DB2E81BA", "L-3819A6DF"),
    "P": ("L-417A185B", "L-7212CCBC"),
    "Standard": ("L-1216C47A", "L-34B43A08"),
}
_NEWER_P_SPOT = "L-C4BD4855"  # P5 and later


def family(instance_type: str) -> str:
    """Return the family whose quota counts the type's vCPUs, e.g. `G and VT` of g6.xlarge."""
    letters = re.match(r"[a-z]+", instance_type)
    return _FAMILIES.get(letters[0] if letters else "", "Standard")


def vcpu_code(instance_type: str, *, spot: bool) -> str | None:
    """Return the code of the quota that counts the type's vCPUs; None where none is known here."""
    on_demand, of_spot = _VCPUS.get(family(instance_type), (None, None))
    if not spot:
        return on_demand
    is_newer = of_spot == "L-7212CCBC" and instance_type[1:2] >= "5"
    return _NEWER_P_SPOT if is_newer else of_spot


def limit(clients: Clients, service: str, code: str) -> float | None:
    """Return what the account may have, AWS's default where nothing was raised; None: no quota."""
    asked = {"ServiceCode": service, "QuotaCode": code}
    with tolerating(_ABSENT):
        return float(clients.quotas.get_service_quota(**asked)["Quota"]["Value"])
    with tolerating(_ABSENT):
        return float(clients.quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"])
    return None


def running(clients: Clients) -> list[InstanceTypeDef]:
    """Return the instances of the account and region that count: pending and running."""
    pages = clients.ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": _ALIVE}]
    )
    return [i for page in pages for each in page["Reservations"] for i in each["Instances"]]


def vcpus_in_use(
    clients: Clients, instances: Iterable[InstanceTypeDef], known: dict[str, int]
) -> Counter[str]:
    """Return quota code -> vCPUs that run. known: vCPUs of types that were looked up already.

    What runs in a capacity block counts against no quota.
    """
    by_type: Counter[tuple[str, bool]] = Counter(
        (each["InstanceType"], each.get("InstanceLifecycle") == "spot")
        for each in instances
        if each.get("InstanceLifecycle") != "capacity-block"
    )
    vcpus = {**known, **_looked_up(clients, {kind for kind, _ in by_type} - set(known))}
    used: Counter[str] = Counter()
    for (kind, spot), count in by_type.items():
        used[vcpu_code(kind, spot=spot) or ""] += count * vcpus[kind]
    return used


def _looked_up(clients: Clients, types: set[str]) -> dict[str, int]:
    if not types:
        return {}
    pages = clients.ec2.get_paginator("describe_instance_types").paginate(
        InstanceTypes=sorted(types)  # type: ignore[arg-type] # EC2 has types that the stubs lack
    )
    return {
        t["InstanceType"]: t["VCpuInfo"]["DefaultVCpus"] for p in pages for t in p["InstanceTypes"]
    }
