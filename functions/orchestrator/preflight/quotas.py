"""What the account may still have of each quota that a provision needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.capacity import quotas
from orchestrator.ledger.store import Ledger
from orchestrator.preflight.check import Check, Result, looked
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef

_MARKETS = {
    "on-demand": (False,),
    "spot": (True,),
    "spot-then-on-demand": (True, False),
    "capacity-block": (),
}
_RAISE = "ask AWS to raise it in Service Quotas"
_REPLACE = "set update.strategy: replace, which ends the old host before it launches the new one"
_PORTS = 2  # rules per allowed range
_GIB_PER_TIB = 1024


@dataclass(frozen=True, slots=True)
class Need:
    """One quota: used and needed in its own unit. beside: more while a host is replaced.

    without: what happens where there is no room for that. second: more for two hosts than is there.
    """

    service: str
    code: str
    name: str
    used: float
    needed: float
    beside: float = 0
    without: str = ""
    second: float = 0


def checks(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    types: list[InstanceTypeInfoTypeDef],
    *,
    needs_two: bool = False,
) -> list[Check]:
    """types: those that were asked for, as EC2 describes them. needs_two: a change launches a host
    beside the one that serves, so that there has to be room for it.
    """
    counted: tuple[tuple[str, Callable[[], Iterable[Need]]], ...] = (
        ("Elastic IPs", lambda: _addresses(clients, deployment, ledger)),
        ("VPCs", lambda: _networks(clients, deployment, ledger)),
        ("gp3 storage", lambda: _storage(clients, deployment, ledger)),
        ("builds", lambda: _builds(ledger)),
    )
    found = looked("vCPUs", lambda: _vcpus(clients, deployment, ledger, types, needs_two=needs_two))
    for name, needs in counted:

        def judged(needs: Callable[[], Iterable[Need]] = needs) -> list[Check]:
            return [_judged(clients, need, needs_two=needs_two) for need in needs()]

        found += looked(name, judged)
    return found


def _vcpus(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    types: list[InstanceTypeInfoTypeDef],
    *,
    needs_two: bool,
) -> list[Check]:
    """One quota with room is enough: the pools of the others are passed over.

    A reservation has its room already: EC2 counted it when it was made.
    """
    running = quotas.running(clients)
    ours = [each for each in running if _is_ours(ledger, each.get("Tags", []))]
    vcpus: dict[str, int] = {t["InstanceType"]: t["VCpuInfo"]["DefaultVCpus"] for t in types}
    used = quotas.vcpus_in_use(clients, running, vcpus)
    held = quotas.vcpus_in_use(clients, ours, vcpus)
    least: dict[str | None, int] = {}
    for kind, count in vcpus.items():
        for spot in _MARKETS[deployment.instance.market]:
            code = quotas.vcpu_code(kind, spot=spot)
            least[code] = min(count, least.get(code, count))
    found = [
        _judged(
            clients,
            Need(
                *("ec2", code, "vCPUs", used[code], max(count - held[code], 0), count, _IN_PLACE),
                second=max(2 * count - held[code], 0),
            ),
            needs_two=needs_two,
        )
        for code, count in least.items()
        if code
    ]
    if None in least:
        kinds = ", ".join(vcpus)
        remedy = "look at EC2's quotas in Service Quotas"
        found.append(
            Check("vCPUs", Result.UNKNOWN, f"no quota is known for {kinds}", remedy=remedy)
        )
    return _enough(found, has_more=deployment.instance.capacity_reservation is not None)


_IN_PLACE = "a replaced host has to end before the next one starts"


def _enough(found: list[Check], *, has_more: bool) -> list[Check]:
    """A quota without room is a warning where another one, or a reservation, has some."""
    if all(each.result is Result.FAIL for each in found) and not has_more:
        return found
    lowered = (Result.WARN if each.result is Result.FAIL else each.result for each in found)
    return [
        Check(each.name, result, each.found, each.needed, each.remedy)
        for each, result in zip(found, lowered, strict=True)
    ]


def _addresses(clients: Clients, deployment: Deployment, ledger: Ledger) -> Iterable[Need]:
    there = [each.get("Tags", []) for each in clients.ec2.describe_addresses()["Addresses"]]
    ours = sum(_is_ours(ledger, tags) for tags in there)
    wanted = 1 + (deployment.network.nat == "single")
    without = "a replaced host drains before its address moves, instead of serving meanwhile"
    beside = 1 if deployment.host else 0
    needed = max(wanted - ours, 0)
    yield Need("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", len(there), needed, beside, without)


def _networks(clients: Clients, deployment: Deployment, ledger: Ledger) -> Iterable[Need]:
    described: tuple[tuple[str, str, str, str], ...] = (
        ("L-F678F1CE", "VPCs per Region", "describe_vpcs", "Vpcs"),
        (
            "L-A4707A72",
            "Internet gateways per Region",
            "describe_internet_gateways",
            "InternetGateways",
        ),
        (
            "L-E79EC296",
            "VPC security groups per Region",
            "describe_security_groups",
            "SecurityGroups",
        ),
    )
    for code, name, operation, key in described:
        pages = clients.ec2.get_paginator(operation).paginate()  # type: ignore[call-overload]
        there: list[Mapping[str, Any]] = [each for page in pages for each in page[key]]
        ours = any(_is_ours(ledger, each.get("Tags", [])) for each in there)
        yield Need("vpc", code, name, len(there), 0 if ours else 1)
    rules = _PORTS * len(deployment.network.allowed_cidrs)
    name = "Inbound or outbound rules per security group"
    yield Need("vpc", "L-0EA8095F", name, 0, rules)


def _storage(clients: Clients, deployment: Deployment, ledger: Ledger) -> Iterable[Need]:
    pages = clients.ec2.get_paginator("describe_volumes").paginate(
        Filters=[{"Name": "volume-type", "Values": ["gp3"]}]
    )
    there = [volume for page in pages for volume in page["Volumes"]]
    ours = (each for each in there if _is_ours(ledger, each.get("Tags", [])))
    used, held = (sum(each["Size"] for each in some) / _GIB_PER_TIB for some in (there, ours))
    size = deployment.instance.root_volume_gib / _GIB_PER_TIB
    name = "Storage for General Purpose SSD (gp3) volumes, in TiB"
    needed, second = max(size - held, 0), max(2 * size - held, 0)
    yield Need("ebs", "L-7A658B76", name, used, needed, size, _IN_PLACE, second)


def _builds(ledger: Ledger) -> Iterable[Need]:
    """A new account may have none; one is enough, the next build waits for it."""
    row = ledger.resource("image")
    if row is None or "uri" not in row.facts:
        name = "Concurrently running builds for Linux/Small environment"
        yield Need("codebuild", "L-9D07B6EF", name, 0, 1)


def _judged(clients: Clients, need: Need, *, needs_two: bool = False) -> Check:
    allowed = quotas.limit(clients, need.service, need.code)
    name = f"quota {need.code} ({need.name})"
    if allowed is None:
        remedy = f"look for it in Service Quotas of {need.service}"
        return Check(name, Result.UNKNOWN, "Service Quotas does not know it", remedy=remedy)
    used, needed = round(need.used, 2), round(need.needed, 2)
    found, more = f"{used:g} of {allowed:g} in use", f"{needed:g} more"
    if need.needed and need.used + need.needed > allowed:
        return Check(name, Result.FAIL, found, more, _RAISE)
    if needs_two and need.second and need.used + need.second > allowed:
        more = f"{round(need.second, 2):g} more for a host beside the one that serves"
        return Check(name, Result.FAIL, found, more, f"{_RAISE}; or {_REPLACE}")
    if need.beside and need.used + need.needed + need.beside > allowed:
        more = f"{need.needed + need.beside:g} more while a host is replaced"
        return Check(name, Result.WARN, found, more, f"{_RAISE}; else {need.without}")
    return Check(name, Result.PASS, found, more)


def _is_ours(ledger: Ledger, tags: Iterable[Any]) -> bool:
    return naming.owner(tags) == (ledger.installation, ledger.name)
