"""Launch an instance in the first pool that has one, whatever happens between two calls.

Each pool is asked with a token of its own, kept in the intent's row before the call. An intent that
is there is asked again, with its token, before any other pool: it may have launched an instance
whose answer was lost. Only EC2's refusal ends it, so there is never more than one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws.clients import Clients
from orchestrator.capacity import patience, resting
from orchestrator.capacity.pools import Pool, pools
from orchestrator.capacity.resting import Resting
from orchestrator.creation.once import once
from orchestrator.creation.ownership import Found
from orchestrator.creation.visibility import ById
from orchestrator.errors import InsufficientCapacity, Pending, Refused
from orchestrator.launch import instances, places, run_instances
from orchestrator.ledger.rows import CAPACITY, CapacityRow, ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_SECONDS = 25  # of asking in one invocation: with one more call it stays below Lambda's limit


@dataclass(frozen=True, slots=True)
class Launch:
    """instance_id: None while no pool has capacity; the workflow waits, then searches again.

    waiting_for: the pools, how often they were asked, and until when; for a person.
    """

    instance_id: str | None
    wait_seconds: int = 0
    waiting_for: str = ""


def launched(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    generation: int,
    find: Callable[[], Found],
    by_id: ById,
    *,
    repairing: bool,
) -> Launch:
    """Return the one instance of this generation, launched if there is none yet.

    find, by_id: as for `once`. Pending: more pools are to be asked at once.
    InsufficientCapacity: none had capacity until the specification's deadline. Refused: a quota.
    """
    search = _Search(clients, deployment, ledger, generation)
    began = ledger.now()
    while True:
        try:
            instance = once(
                ledger,
                f"instance-{generation}",
                find,
                search.launch,
                by_id,
                tokened=True,
                prepare=search.next,
                generation=generation,
            )
        except _AllRest:
            return search.pause(repairing=repairing)
        except ClientError as error:
            search.rest(error)
            if (ledger.now() - began).total_seconds() > _SECONDS:
                raise Pending(f"no capacity so far: {error}; the next pools follow") from error
        else:
            return Launch(instance)


class _AllRest(Exception):
    """Every pool has been asked in this round, or rests."""


def rest_pool(ledger: Ledger, intent: ResourceRow | None) -> None:
    """Have the pool rest that the intent's host was launched in: EC2 took it back unserved.

    A reservation's does not: it is paid for.
    """
    values = ledger.read(CAPACITY)
    if values is None or intent is None or "pool" not in intent.facts:
        return
    pool = run_instances.pool_of(intent)
    if pool.reservation:
        return
    row, rest = CapacityRow.of(values), resting.taken_back(pool, ledger.now())
    known = Resting.of(row.resting).with_(rest).text()
    ledger.write(CAPACITY, replace(row, resting=known).values())


@dataclass(slots=True)
class _Search:
    """row: what is in the ledger about it; another invocation goes on where this one ends.

    asked: the pool of the last launch.
    """

    clients: Clients
    deployment: Deployment
    ledger: Ledger
    generation: int
    row: CapacityRow | None = None
    pools: Sequence[Pool] = ()
    subnets: Mapping[str, str] = field(default_factory=dict)
    asked: Pool | None = None

    def launch(self, intent: ResourceRow) -> str:
        self.asked = run_instances.pool_of(intent)
        return run_instances.launch(self.clients, self.deployment, intent)

    def next(self) -> dict[str, str]:
        """Return what the intent of the next pool's launch keeps."""
        row = self._begun()
        pool = Resting.of(row.resting).next(self.pools)
        if pool is None:
            raise _AllRest
        tags = run_instances.tags(self.clients, self.deployment, self.generation)
        return run_instances.facts(json.loads(row.request), pool, self.subnets[pool.zone], tags)

    def rest(self, error: ClientError) -> None:
        """Write down which pools rest after this refusal; raise it where it is no shortage."""
        found = resting.rest(error, self.asked, self.ledger.now()) if self.asked else None
        if found is None:
            raise error
        self._write(resting=Resting.of(self._begun().resting).with_(found).text())

    def pause(self, *, repairing: bool) -> Launch:
        """End a round in vain: return how long the workflow waits before the next one."""
        row, now = self._begun(), self.ledger.now()
        self._stop_at_quotas(Resting.of(row.resting))
        rounds, since = row.rounds + 1, _moment(row.since) or now
        limit = patience.limit(self.deployment.instance, repairing=repairing)
        until = _moment(row.until) or now + limit
        what = patience.described(self.pools)
        if now >= until:
            last = Resting.of(row.resting).rests[-1].why
            key = patience.key(repairing=repairing)
            raise InsufficientCapacity(
                f"no capacity for {what}; asked {patience.times(rounds)}, at last: {last}; add "
                "instance.types or instance.zones, choose another instance.market, raise "
                f"instance.{key}, or start again later"
            )
        self._write(rounds=rounds, since=since.isoformat(), until=until.isoformat(), round_at=None)
        seconds = patience.pause(now - since, f"{self.ledger.name}/{row.execution}/{rounds}")
        text = f"{what}; asked {patience.times(rounds)}, until {patience.clock_time(until)}"
        return Launch(None, min(seconds, math.ceil((until - now).total_seconds())), text)

    def _stop_at_quotas(self, known: Resting) -> None:
        """Raise Refused where only quotas are in the way: waiting does not raise them.

        It does empty them where a predecessor is ending: https://github.com/iterative/cml/issues/649
        """
        rests = [rest for pool in self.pools if (rest := known.over(pool))]
        if not all(rest.is_quota for rest in rests):
            return
        if not instances.has_ending(self.clients, self.ledger.name):
            raise Refused("; ".join(dict.fromkeys(rest.why for rest in rests)))

    def _begun(self) -> CapacityRow:
        """Return the search as the ledger has it, or begin it or its next round.

        The image is resolved here, once per generation: another workflow, which has made the
        scripts and the firewall anew, resolves it again.
        """
        if self.row:
            return self.row
        row = CapacityRow.of(self.ledger.read(CAPACITY) or {})
        if (row.generation, row.execution) != (self.generation, self.ledger.owner):
            request = run_instances.request(self.clients, self.deployment, self.ledger)
            row = CapacityRow(
                generation=self.generation,
                request=json.dumps(request),
                resting=row.resting,
                execution=self.ledger.owner,
            )
        self.subnets = places.public_subnets(self.clients, self.ledger)
        self.pools = self._reachable()
        self.row = row
        if row.round_at is None:
            now = self.ledger.time()
            resting = Resting.of(row.resting).at_start(self.pools, now)
            self._write(round_at=now, resting=resting.text())
        return self.row

    def _reachable(self) -> list[Pool]:
        """Return the pools whose zone has a subnet of ours."""
        every = pools(self.clients, self.deployment.instance)
        found = [pool for pool in every if pool.zone in self.subnets]
        if not found:
            raise Refused(
                f"no public subnet for {patience.described(every) or 'any pool'}: they are in "
                f"{', '.join(sorted(self.subnets))}; `lamplighter up` makes what is missing"
            )
        return found

    def _write(self, **changed: Any) -> None:
        self.row = replace(self.row or CapacityRow(), **changed)
        self.ledger.write(CAPACITY, self.row.values())


def _moment(time: str | None) -> datetime | None:
    return datetime.fromisoformat(time) if time else None
