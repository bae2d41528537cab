"""Which pools are not asked for a while, and why: what EC2's refusal of one says about the others.

A shortage is one pool's, or a whole zone's; a quota is a type's in one market, over all its zones:
a smaller type of the same quota may still have room. Only what EC2 says about capacity counts: a
throttled call says nothing about a pool.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Self

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import Meaning, code, meaning
from orchestrator.aws.translation import translate
from orchestrator.capacity.pools import Pool

REST_SECONDS = 180  # as long as Karpenter leaves a pool alone
_ONE_POOL = ("type", "zone", "market", "reservation")
# What a refused pool has in common with those that the same call would be refused in.
_SHARED = {
    "Unsupported": ("type", "zone"),
    "InsufficientFreeAddressesInSubnet": ("zone",),
    "InsufficientVolumeCapacity": ("zone",),
}
_QUOTAS = {"VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceLimitExceeded"}
_ONE_TYPE = ("type", "market")


@dataclass(frozen=True, slots=True)
class Rest:
    """The pools that share all of `shared` (a property of pools -> its value) rest.

    at, until: ISO-8601 UTC. why: the refusal, with the remedy where it is a quota's.
    """

    shared: dict[str, str | None]
    at: str
    until: str
    why: str
    is_quota: bool

    def covers(self, pool: Pool) -> bool:
        return self.shared.items() <= _properties(pool).items()


@dataclass(frozen=True, slots=True)
class Resting:
    """Every rest that is known; a round asks each pool at most once."""

    rests: tuple[Rest, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(tuple(Rest(**each) for each in json.loads(text)))

    def text(self) -> str:
        return json.dumps([asdict(each) for each in self.rests])

    def with_(self, rest: Rest) -> Resting:
        return Resting((*self.rests, rest))

    def at_start(self, pools: Sequence[Pool], now: str) -> Resting:
        """Return what still rests when a round begins: never all pools, or none would be asked."""
        left = Resting(tuple(each for each in self.rests if each.until > now))
        return left if any(left.over(pool) is None for pool in pools) else Resting()

    def next(self, pools: Iterable[Pool]) -> Pool | None:
        """Return the first pool that does not rest, None where all of them do."""
        return next((pool for pool in pools if self.over(pool) is None), None)

    def over(self, pool: Pool) -> Rest | None:
        """Return the rest of this pool, the newest one."""
        return next((each for each in reversed(self.rests) if each.covers(pool)), None)


def rest(error: ClientError, pool: Pool, now: datetime) -> Rest | None:
    """Return what rests after EC2 refused a launch in `pool`, None where that is no shortage."""
    name = code(error)
    is_quota = name in _QUOTAS
    if not is_quota and meaning(error) is not Meaning.CAPACITY:
        return None
    names = _ONE_TYPE if is_quota else _SHARED.get(name, _ONE_POOL)
    shared = {each: _properties(pool)[each] for each in names}
    return _rest(shared, now, str(translate(error)) if is_quota else str(error), is_quota=is_quota)


def taken_back(pool: Pool, now: datetime) -> Rest:
    """Return what rests after EC2 ended an instance of `pool` by itself."""
    return _rest(_properties(pool), now, f"EC2 took back a {pool.type} in {pool.zone}")


def _rest(
    shared: dict[str, str | None], now: datetime, why: str, *, is_quota: bool = False
) -> Rest:
    until = now + timedelta(seconds=REST_SECONDS)
    at, end = (each.isoformat(timespec="microseconds") for each in (now, until))
    return Rest(shared, at, end, why, is_quota)


def _properties(pool: Pool) -> dict[str, str | None]:
    return {
        "type": pool.type,
        "zone": pool.zone,
        "market": pool.market,
        "reservation": pool.reservation,
    }
