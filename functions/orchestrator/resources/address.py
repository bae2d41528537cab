"""The Elastic IPs: the endpoint's address, which outlives hosts, and a successor's beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation import ownership
from orchestrator.creation.deletion import delete_each
from orchestrator.creation.drift import Drift, differing, settle
from orchestrator.creation.once import existing, once
from orchestrator.creation.ownership import Found, sort
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import ById, settled, the
from orchestrator.errors import AddressLimit, Pending
from orchestrator.launch import instances
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import AddressTypeDef

_ROLE = "address"


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    serving, kind = ledger.serving(), _current(ledger)
    there = any(_of_kind(clients, ledger, kind).ours for kind in _by_tag(clients, ledger))
    if serving is None or serving.instance_id is None or kind is None:
        return [planned(_ROLE, "Elastic IP", there=there)]
    find = partial(_of_kind, clients, ledger, kind)
    allocations = existing(ledger, kind, find, _by_id(clients))
    described = [each for one in allocations for each in _described(clients, one)]
    drifts = [d for each in described for d in _drifts(clients, each, serving.instance_id)]
    return [planned(_ROLE, "Elastic IP", there=bool(described)), *differing(_ROLE, drifts)]


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, *, beside: bool = False
) -> dict[str, str]:
    """Return {"address": public IPv4, "endpoint"}, attached to the host that serves.

    beside: a predecessor still answers at the endpoint's address, so this host gets another one,
    to which the name is led. AddressLimit: the account has no further one. HostLost: the host is
    gone already.
    """
    serving = ledger.serving()
    if serving is None or serving.instance_id is None:
        raise Pending("no host serves yet")
    if error := instances.lost(clients, serving.instance_id):  # after it was promoted
        raise error
    own, current = f"{_ROLE}-{serving.generation}", _current(ledger)
    beside = beside and not (current and _is_at(clients, ledger, current, serving.instance_id))
    kind = own if beside else current or own
    with _naming_the_limit() if beside else nullcontext():
        allocation = once(
            ledger,
            kind,
            lambda: _of_kind(clients, ledger, kind),
            lambda _: _allocate(clients, deployment, kind),
            _by_id(clients),
        )
    described = the(_described(clients, allocation), ledger, kind)
    for drift in _drifts(clients, described, serving.instance_id):
        settle(drift)
    address = described["PublicIp"]
    endpoint = deployment.endpoint(address)
    ledger.ready(kind, address=address)
    row = ledger.deployment()
    if (row.address, row.endpoint) != (address, endpoint):
        ledger.record(address=address, endpoint=endpoint)
    return {"address": address, "endpoint": endpoint}


def destroy(clients: Clients, ledger: Ledger) -> None:
    for row in _rows(ledger):
        settled(ledger, row.kind)
    _release_all(clients, ledger, {*_by_tag(clients, ledger), *(r.kind for r in _rows(ledger))})


def release_addresses(clients: Clients, ledger: Ledger) -> None:
    """Release every Elastic IP of ours but the endpoint's."""
    current = _current(ledger)
    _release_all(clients, ledger, {row.kind for row in _rows(ledger)} - {current})


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return our Elastic IPs, the NAT gateway's too."""
    return ownership.tagged(clients, ledger, only="elastic-ip").ours


def _drifts(clients: Clients, address: AddressTypeDef, instance_id: str) -> Iterator[Drift]:
    holder = address.get("InstanceId")
    if holder != instance_id:
        yield Drift(
            f"Elastic IP {address['PublicIp']} is at {holder or 'no instance'}",
            f"{instance_id} serves",
            partial(
                clients.ec2.associate_address,
                AllocationId=address["AllocationId"],
                InstanceId=instance_id,
                AllowReassociation=True,
            ),
        )


def _is_at(clients: Clients, ledger: Ledger, kind: str, instance_id: str) -> bool:
    """Return whether the host has this address already: it was taken back, for example."""
    found = _of_kind(clients, ledger, kind).ours
    there = (each for one in found for each in _described(clients, one))
    return any(each.get("InstanceId") == instance_id for each in there)


def _current(ledger: Ledger) -> str | None:
    """Return the kind of the endpoint's address.

    An earlier version's row, of the bare kind, names no address: it is meant where none of ours is.
    """
    row = ledger.known_deployment()  # None: only planned yet
    address = row.address if row else None
    rows = _rows(ledger) if address else []
    ours = [row.kind for row in rows if row.facts.get("address") == address]
    earlier = [row.kind for row in rows if row.kind == _ROLE]
    return next(iter(ours + earlier), None)


def _rows(ledger: Ledger) -> list[ResourceRow]:
    """Return the ledger's rows of addresses, e.g. of the kind address-3."""
    return [row for row in ledger.resources() if naming.is_an_endpoints_address(row.kind)]


def _allocate(clients: Clients, deployment: Deployment, kind: str) -> str:
    return clients.ec2_once.allocate_address(
        Domain="vpc",
        TagSpecifications=naming.specification(
            clients.settings.installation, deployment, "elastic-ip", kind
        ),
    )["AllocationId"]


@contextmanager
def _naming_the_limit() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code(error) == "AddressLimitExceeded":
            raise AddressLimit("no second Elastic IP: the predecessor drains first") from error
        raise


def _release_all(clients: Clients, ledger: Ledger, kinds: set[str]) -> None:
    for kind in sorted(kinds):
        delete_each(
            ledger,
            kind,
            _of_kind(clients, ledger, kind),
            lambda address: _release(clients, address),
            _by_id(clients),
        )


def _release(clients: Clients, allocation: str) -> None:
    for described in _described(clients, allocation):
        if association := described.get("AssociationId"):
            with tolerating("InvalidAssociationID.NotFound"):
                clients.ec2.disassociate_address(AssociationId=association)
    clients.ec2.release_address(AllocationId=allocation)


def _by_id(clients: Clients) -> ById:
    return ById(lambda address: _described(clients, address), "InvalidAllocationID.NotFound")


def _described(clients: Clients, allocation: str) -> list[AddressTypeDef]:
    return clients.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]


def _of_kind(clients: Clients, ledger: Ledger, kind: str) -> Found:
    found = clients.ec2.describe_addresses(Filters=naming.owned(ledger.name, kind))["Addresses"]
    return sort(ledger, ((each["AllocationId"], each["Tags"]) for each in found))


def _by_tag(clients: Clients, ledger: Ledger) -> set[str]:
    """Return the kinds of the addresses that carry the deployment's tag; not the NAT gateway's."""
    found = clients.ec2.describe_addresses(Filters=naming.owned(ledger.name))["Addresses"]
    roles = {tag["Value"] for each in found for tag in each["Tags"] if tag["Key"] == naming.ROLE}
    return {role for role in roles if naming.is_an_endpoints_address(role)}
