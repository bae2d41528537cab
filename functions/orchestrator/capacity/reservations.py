"""Capacity that the account has reserved: an on-demand reservation, or a capacity block."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.errors import InvalidRequest
from orchestrator.spec.sections import Instance

_UNKNOWN = ("InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed")
_USABLE = ("active", "scheduled", "pending", "payment-pending", "assessing", "delayed")
_BLOCK = "capacity-block"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Of which instance type it is, and in which availability zone."""

    id: str
    type: str
    zone: str


def reservation(clients: Clients, spec: Instance) -> Reservation | None:
    """Return the reservation that the specification names, None where it names none.

    One that has not begun yet counts, as its pool is just dry until then. InvalidRequest: there is
    none, it is over, or it is not for what the specification asks for.
    """
    name = spec.capacity_reservation
    if name is None:
        return None
    region = clients.settings.region
    with tolerating(*_UNKNOWN):
        answer = clients.ec2.describe_capacity_reservations(CapacityReservationIds=[name])
        for found in answer["CapacityReservations"]:
            reserved = Reservation(name, found["InstanceType"], found["AvailabilityZone"])
            is_block = found.get("ReservationType") == _BLOCK
            _check(spec, reserved, str(found["State"]), is_block=is_block)
            return reserved
    raise InvalidRequest(
        f"instance.capacity_reservation: there is no {name!r} in {region}; "
        "`aws ec2 describe-capacity-reservations` lists those of this account"
    )


def _check(spec: Instance, found: Reservation, state: str, *, is_block: bool) -> None:
    """Raise InvalidRequest where the reservation is not for what the specification asks for."""
    key = f"instance.capacity_reservation: {found.id}"
    if state not in _USABLE:
        raise InvalidRequest(f"{key} is {state}; name one that is active, or leave it out")
    if found.type not in spec.preferred_types:
        wanted = ", ".join(spec.preferred_types)
        raise InvalidRequest(
            f"{key} is for {found.type}, and the instance types wanted are {wanted}; add "
            f"{found.type}, or name a reservation for one of those"
        )
    if spec.zones and found.zone not in spec.zones:
        raise InvalidRequest(
            f"{key} is in {found.zone}, and instance.zones has {', '.join(spec.zones)}; add "
            f"{found.zone}"
        )
    if is_block != (spec.market == _BLOCK):
        kind = "is a capacity block" if is_block else "is no capacity block"
        remedy = "set instance.market to" if is_block else "choose another instance.market than"
        raise InvalidRequest(f"{key} {kind}; {remedy} {_BLOCK!r}")
