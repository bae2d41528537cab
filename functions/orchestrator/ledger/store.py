"""One deployment's rows: what was asked for, what exists, who works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orchestrator.aws.error_codes import code
from orchestrator.errors import NotFound
from orchestrator.ledger import kept_specs
from orchestrator.ledger.rows import (
    AWAIT,
    DEPLOYMENT,
    EARLIER_HOST,
    HOSTS,
    LOCK,
    RESOURCES,
    SPECS,
    VERSION,
    WAITS,
    AwaitRow,
    DeploymentRow,
    HostRow,
    LockRow,
    ResourceRow,
    Role,
    SpecRow,
    earlier_host,
)
from orchestrator.ledger.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


NO_CHANGE: dict[str, None] = dict.fromkeys(("next_spec", "next_execution", "next_host"))


@dataclass(frozen=True, slots=True)
class Ledger(Table):
    """What the rows of one deployment say."""

    # -- the deployment ----------------------------------------------------------------------

    def deployment(self) -> DeploymentRow:
        """Return the deployment's row; NotFound names what is missing."""
        row = self.known_deployment()
        if row is None:
            raise NotFound(f"no deployment is named {self.name!r}: `lamplighter up` makes one")
        return row

    def known_deployment(self) -> DeploymentRow | None:
        values = self.read(DEPLOYMENT)
        return DeploymentRow.of(values) if values else None

    def specification(self) -> dict[str, Any]:
        return self.deployment().specification()

    def record(self, **facts: Any) -> None:
        """Set attributes of the deployment's row; None removes one."""
        self.update(DEPLOYMENT, {**facts, "version": VERSION, "updated_at": self.time()})

    def lock_owner(self) -> str | None:
        """Return the execution that holds the lock, or held it when it died."""
        values = self.read(LOCK)
        return LockRow.of(values).owner if values else None

    # -- hosts -------------------------------------------------------------------------------

    def hosts(self) -> list[HostRow]:
        """Return every host that the deployment has or had, the oldest first.

        A row of another form, without a generation, is a later version's and names none of ours.
        """
        rows = (HostRow.of(values) for values in self.rows(HOSTS) if "generation" in values)
        found = {host.generation: host for host in rows}
        if not found and (earlier := earlier_host(self.read(DEPLOYMENT) or {})):
            found = {earlier.generation: earlier}  # it has a row before another one gets one
        return sorted(found.values(), key=lambda host: host.generation)

    def host(self, generation: int) -> HostRow | None:
        return next((host for host in self.hosts() if host.generation == generation), None)

    def serving(self) -> HostRow | None:
        """Return the host that traffic leads to, or is being led to; None before one served."""
        return next((host for host in self.hosts() if host.role == Role.SERVING), None)

    def host_of(self, instance_id: str) -> HostRow | None:
        return next((host for host in self.hosts() if host.instance_id == instance_id), None)

    def set_host(self, generation: int, **facts: Any) -> None:
        """Set attributes of a host's row, which is made when there is none; None removes one."""
        self.update(f"{HOSTS}{generation}", {"generation": generation, **facts})

    def promote(
        self,
        host: HostRow,
        predecessors: Mapping[int, Mapping[str, Any]],
        counted: Mapping[str, Any] | None = None,
    ) -> None:
        """Make `host` the one that serves, in one write: its generation is the deployment's now,
        and so is the specification of the change that launched it.

        predecessors: what the rows of these generations' hosts get. counted: what its own gets of
        its requests.
        """
        now = self.time()
        adopted, kept = self._adopted(now, host.generation)
        facts = {"generation": host.generation, "version": VERSION, "updated_at": now, **adopted}
        changes: list[tuple[str, Mapping[str, Any]]] = [
            (host.key, {"role": Role.SERVING, "served_at": now, **(counted or {})}),
            *((f"{HOSTS}{number}", left) for number, left in predecessors.items()),
            (DEPLOYMENT, facts),
        ]
        updates = [{"Update": self.changes_of(key, changed)} for key, changed in changes]
        self.transact([*updates, *kept])

    def return_to(self, host: HostRow, left: HostRow, facts: Mapping[str, Any]) -> None:
        """Make a predecessor the one that serves again, in one write, with its specification and
        its address.

        left: the host that followed it, whose row gets these facts; what was kept since goes.
        """
        row = self.deployment()
        spec, newer = kept_specs.before(self.kept_specs(), host.generation)
        returned = {
            **NO_CHANGE,
            "generation": host.generation,
            "spec": spec or row.spec,
            "address": host.address or row.address,
            "version": VERSION,
            "updated_at": self.time(),
        }
        changes: list[tuple[str, Mapping[str, Any]]] = [
            (host.key, {"role": Role.SERVING}),
            (left.key, facts),
            (DEPLOYMENT, returned),
        ]
        updates = [{"Update": self.changes_of(key, changed)} for key, changed in changes]
        self.transact([*updates, *(self.delete_of(each.key) for each in newer)])

    def adopt_change(self, generation: int) -> None:
        """Make the specification of this workflow's change the deployment's: its host serves it."""
        now = self.time()
        adopted, kept = self._adopted(now, generation)
        facts = {**adopted, "version": VERSION, "updated_at": now}
        self.transact([{"Update": self.changes_of(DEPLOYMENT, facts)}, *kept])

    def forget_change(self) -> None:
        """Forget a change whose host did not serve."""
        self.record(**NO_CHANGE)

    def _adopted(self, now: str, generation: int) -> tuple[dict[str, Any], list[Any]]:
        """Return what the deployment's row gets, and the writes that keep its specification."""
        row = self.deployment()
        changes = row.changes_by(self.owner)
        spec = str(row.next_spec) if changes else row.spec
        adopted = {**NO_CHANGE, "spec": spec} if changes else {}
        served = SpecRow(at=now, by=row.asked_by, generation=generation, spec=spec)
        new, old = kept_specs.after(row, self.kept_specs(), served)
        puts = [self.put_of(each.key, each.values()) for each in new]
        return adopted, [*puts, *(self.delete_of(each.key) for each in old)]

    def kept_specs(self) -> list[SpecRow]:
        """Return the last specifications that served, the newest last."""
        return [SpecRow.of(values) for values in self.rows(SPECS) if "spec" in values]

    def forget_hosts(self, keys: Sequence[str], spent: str) -> None:
        """Delete hosts' rows, and keep what they have cost, in one write."""
        kept = {"Update": self.changes_of(DEPLOYMENT, {"spent": spent})}
        self.transact([kept, *map(self.delete_of, keys)])

    def adopt_earlier_host(self) -> bool:
        """Give the host that a row of version 1 holds a row of its own; safe without the lock.

        Return whether the deployment's row was of version 1.
        """
        values = self.read(DEPLOYMENT) or {}
        earlier = earlier_host(values)
        if earlier is None:
            return False
        row = self.put_of(earlier.key, earlier.values())
        row["Put"]["ConditionExpression"] = "attribute_not_exists(pk)"
        generation = earlier.generation if earlier.role == Role.SERVING else 0
        numbers = {"generation": generation, "latest_generation": earlier.generation}
        rest = self.changes_of(DEPLOYMENT, dict.fromkeys(EARLIER_HOST) | numbers)
        rest["ConditionExpression"] = "instance_id = :earlier"
        rest["ExpressionAttributeValues"][":earlier"] = {"S": earlier.instance_id}
        try:
            self.dynamodb.transact_write_items(TransactItems=[row, {"Update": rest}])
        except ClientError as error:
            if code(error) != "TransactionCanceledException":  # else another was faster
                raise
        return True

    # -- waits -------------------------------------------------------------------------------

    def waits(self) -> list[AwaitRow]:
        """Return the waits for hosts; an earlier version's single one, too.

        A row without a token is a later version's, and answers nothing.
        """
        found = (self.read(AWAIT) or {}, *self.rows(WAITS))
        return [AwaitRow.of(values) for values in found if "token" in values]

    def wait_for(self, instance_id: str) -> AwaitRow | None:
        """Return the wait for this host; an earlier version's is ended, never answered."""
        found = (AwaitRow.of(values) for values in self.rows(WAITS) if "token" in values)
        return next((wait for wait in found if wait.instance_id == instance_id), None)

    def keep_wait(self, wait: AwaitRow) -> None:
        self.write(wait.key, wait.values())

    def end_waits(self) -> None:
        """Forget the waits of this workflow and of those before it."""
        self.erase(AWAIT, *(values["sk"] for values in self.rows(WAITS)))

    # -- resources ---------------------------------------------------------------------------

    def resource(self, kind: str) -> ResourceRow | None:
        values = self.read(f"{RESOURCES}{kind}")
        return ResourceRow.of(values) if values else None

    def resources(self) -> list[ResourceRow]:
        return [ResourceRow.of(values) for values in self.rows(RESOURCES)]

    def intend(self, kind: str, **facts: Any) -> ResourceRow:
        """Write down that `kind` is about to be created, before it is."""
        values = {"state": "intent", "intended_at": self.time(), **facts}
        self.write(f"{RESOURCES}{kind}", values)
        return ResourceRow.of({"sk": f"{RESOURCES}{kind}", **values})

    def ready(self, kind: str, **facts: Any) -> None:
        """Write down what was created; keeps the intent's time."""
        self.update(f"{RESOURCES}{kind}", {"state": "ready", **facts})

    def forget(self, kind: str) -> None:
        self.erase(f"{RESOURCES}{kind}")

    def is_young(self, row: ResourceRow) -> bool:
        """Return whether AWS may not show the last change of `row` yet."""
        since = row.changed_at or row.intended_at
        return since is not None and self.seconds_since(since) < self.settle_seconds

    # -- history -----------------------------------------------------------------------------

    def note(self, what: str, text: str, **facts: Any) -> None:
        """Add a line to the deployment's history; needs no lock."""
        now = self.time()
        self.put(f"event#{now}", {"at": now, "what": what, "text": text, **facts})


def names(dynamodb: DynamoDBClient, table: str) -> list[str]:
    """Return the deployments that are not torn down (a scan: there are a handful of rows)."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="sk = :deployment AND #status <> :absent",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":deployment": {"S": DEPLOYMENT}, ":absent": {"S": "absent"}},
        ConsistentRead=True,
    )
    return sorted(item["pk"]["S"] for page in pages for item in page["Items"])
