"""What EC2 has to sell at the moment: pools without capacity, quotas, reservations, spot prices.

Nothing is short unless a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

DRY = "InsufficientInstanceCapacity"
SPOT_PRICE = "0.400000"
# EC2 reports some shortages as faults of its own.
_STATUS = {DRY: 500, "InsufficientHostCapacity": 500}


@dataclass(frozen=True, slots=True)
class Shortage:
    """code: what RunInstances is refused with. None: every type, zone or market.

    until: seconds of the clock, None for ever.
    """

    code: str
    instance_type: str | None
    zone: str | None
    market: str | None
    until: float | None


@dataclass(frozen=True, slots=True)
class Reserved:
    instance_type: str
    zone: str
    kind: str
    state: str


class Capacity:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shortages: list[Shortage] = []
        self._reserved: dict[str, Reserved] = {}
        self.prices: dict[tuple[str, str], str] = {}
        self.rules: Mapping[str, Rule] = {
            "ec2.RunInstances": self._run,
            "ec2.StartInstances": self._start,
            "ec2.DescribeSpotPriceHistory": self._spot_prices,
            "ec2.DescribeCapacityReservations": self._reservations,
        }

    def short(
        self,
        code: str = DRY,
        *,
        instance_type: str | None = None,
        zone: str | None = None,
        market: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Refuse launches with `code` from now on, for so many seconds; the first one decides."""
        until = None if seconds is None else self._clock.seconds + seconds
        self._shortages.append(Shortage(code, instance_type, zone, market, until))

    def plentiful(self) -> None:
        """End every shortage."""
        self._shortages.clear()

    def reserve(
        self,
        identifier: str,
        instance_type: str,
        zone: str,
        *,
        kind: str = "default",
        state: str = "active",
    ) -> None:
        """Have a capacity reservation. kind: default (on-demand), or capacity-block."""
        self._reserved[identifier] = Reserved(instance_type, zone, kind, state)

    def _run(self, request: Request, proceed: Proceed) -> Response:
        wanted = request.parameters["InstanceType"]
        zone, market = _zone(request), _market(request)
        self._check_reservation(request, wanted, zone, market)
        self._check_shortages(request, wanted, zone, market)
        return proceed(request)

    def _start(self, request: Request, proceed: Proceed) -> Response:
        """A stopped instance has given its capacity back: it is asked for anew, in its zone."""
        ids = request.parameters["InstanceIds"]
        for reservation in request.ask("DescribeInstances", InstanceIds=ids)["Reservations"]:
            for found in reservation["Instances"]:
                zone = found["Placement"]["AvailabilityZone"]
                self._check_shortages(request, found["InstanceType"], zone, "on-demand")
        return proceed(request)

    def _check_shortages(
        self, request: Request, wanted: str, zone: str | None, market: str
    ) -> None:
        for shortage in self._shortages:
            asked = zip(
                (shortage.instance_type, shortage.zone, shortage.market),
                (wanted, zone, market),
                strict=True,
            )
            over = shortage.until is not None and self._clock.seconds >= shortage.until
            if not over and all(one in (None, other) for one, other in asked):
                request.refuse(
                    shortage.code,
                    f"{shortage.code}: {market} {wanted} in {zone}",
                    status=_STATUS.get(shortage.code, 400),
                )

    def _check_reservation(
        self, request: Request, wanted: str, zone: str | None, market: str
    ) -> None:
        target = request.parameters.get("CapacityReservationSpecification", {})
        name = target.get("CapacityReservationTarget", {}).get("CapacityReservationId")
        if name is None:
            if market == "capacity-block":
                request.refuse("InvalidParameterCombination", "a capacity block must be named")
            return
        found = self._known(request, name)
        fits = (found.instance_type, found.zone) == (wanted, zone)
        if (found.kind == "capacity-block") != (market == "capacity-block"):
            request.refuse("InvalidParameterCombination", f"{name} is of the kind {found.kind}")
        if found.state != "active" or not fits:
            request.refuse(
                "ReservationCapacityExceeded",
                f"{name} does not have sufficient compatible and available capacity",
            )

    def _known(self, request: Request, name: str) -> Reserved:
        if name not in self._reserved:
            request.refuse(
                "InvalidCapacityReservationId.NotFound", f"The reservation {name} does not exist"
            )
        return self._reserved[name]

    def _reservations(self, request: Request, _: Proceed) -> Response:
        names = request.parameters.get("CapacityReservationIds", list(self._reserved))
        found = {name: self._known(request, name) for name in names}
        return {
            "CapacityReservations": [
                {
                    "CapacityReservationId": name,
                    "InstanceType": each.instance_type,
                    "AvailabilityZone": each.zone,
                    "ReservationType": each.kind,
                    "State": each.state,
                }
                for name, each in found.items()
            ]
        }

    def _spot_prices(self, request: Request, _: Proceed) -> Response:
        """Moto knows one price, and no types in the request."""
        region = request.client.meta.region_name
        wanted = request.parameters["InstanceTypes"]
        offered = INSTANCE_TYPE_OFFERINGS["availability-zone"][region]
        return {
            "SpotPriceHistory": [
                {
                    "InstanceType": offer["InstanceType"],
                    "AvailabilityZone": offer["Location"],
                    "ProductDescription": "Linux/UNIX",
                    "SpotPrice": self.prices.get(
                        (offer["InstanceType"], offer["Location"]), SPOT_PRICE
                    ),
                    "Timestamp": self._clock.now(),
                }
                for offer in offered
                if offer["InstanceType"] in wanted
            ]
        }


def _zone(request: Request) -> str | None:
    """Return the zone of the launch's subnet; None: it names none, and EC2 chooses."""
    interfaces = request.parameters.get("NetworkInterfaces", [request.parameters])
    subnets = [each["SubnetId"] for each in interfaces if "SubnetId" in each]
    if not subnets:
        return None
    [found] = request.ask("DescribeSubnets", SubnetIds=subnets)["Subnets"]
    zone: str = found["AvailabilityZone"]
    return zone


def _market(request: Request) -> Any:
    return request.parameters.get("InstanceMarketOptions", {}).get("MarketType", "on-demand")
