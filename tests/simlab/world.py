"""One account with Lamplighter installed, its hosts and its events, on one virtual clock."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from awssim import Account, furnish
from awssim.inventory import Inventory
from awssim.rules.instances import Instances
from moto.moto_api._internal import mock_random

from simlab.aws_calls import StepFunctions
from simlab.events import DEFAULT_BUS, Events
from simlab.executions import Execution, Executions
from simlab.functions import Lambda
from simlab.history import History
from simlab.hosts import Boot, Host, settings_of
from simlab.internet import Internet
from simlab.schedule import Schedule, Timer, VirtualClock
from simlab.template import stack

_STATE_CHANGE = "EC2 Instance State-change Notification"
_PATIENCE = 4 * 3600.0  # virtual seconds; no workflow of ours may take longer


class World:
    """seed: decides boot times, delays, duplicates, jitter and every id: one seed, one history.

    parameters: the template's, where they are not its defaults. duplicates: the share of events
    that come twice. report_seconds: how often hosts repeat an unchanged report, where the product's
    own interval would only cost CPU. account: one that was saved before; hosts of its running
    instances serve already.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        parameters: Mapping[str, str] | None = None,
        duplicates: float = 0.1,
        report_seconds: float | None = None,
        tag_lag: float = 0,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self.clock = VirtualClock()
        self.schedule = Schedule(self.clock)
        self.history = History(self.clock)
        self.stack = stack(parameters or {})
        self.account = Account(tag_lag=tag_lag, clock=self.clock)
        self.boots: list[Boot] = []
        self.hosts: dict[str, Host] = {}
        self._report_seconds = report_seconds
        functions = Lambda(self.clock, self.stack.functions, self._uuid)
        self._functions = functions
        machines = self.stack.machines
        shared = (functions, self._chance, self.history)
        self.executions = Executions(self.schedule, machines, *shared)
        self.events = Events(self.schedule, self.stack.rules, *shared, duplicates)
        self.internet = Internet(self.account, self.hosts)
        self._instances = next(e for e in self.account.layers if isinstance(e, Instances))
        self._next_change: Timer | None = None
        self.schedule.watch = self._watch_instances

    @contextmanager
    def active(self, prepare: Callable[[Account], None] | None = None) -> Iterator[World]:
        """prepare: fills the account instead of an installer, e.g. from a saved one."""
        with (
            self.account.active(),
            mock.patch.object(uuid, "uuid4", self._uuid4),
            self._functions.installed(),
            self.internet.installed(),
        ):
            mock_random.seed(self._chance.getrandbits(64))
            self.account.layers = (StepFunctions(self.executions), *self.account.layers)
            (prepare or self._furnish)(self.account)
            self._watch_instances()
            yield self

    # -- the operator ------------------------------------------------------------------------

    def start(self, verb: str, document: Mapping[str, Any], name: str | None = None) -> Execution:
        machine = self.stack.outputs[f"{verb.capitalize()}Arn"]
        return self.executions.start(machine, name, json.dumps(document))

    def run(self, verb: str, document: Mapping[str, Any]) -> Execution:
        return self.ended(self.start(verb, document))

    def ended(self, execution: Execution) -> Execution:
        """Let time pass until the execution has ended."""
        self.schedule.run(self.clock.seconds + _PATIENCE, lambda: not execution.runs)
        assert not execution.runs, f"{execution.name} runs after {_PATIENCE} s\n{self.history}"
        return execution

    def up(self, **spec: Any) -> Any:
        """Provision; return the output."""
        return self._succeeded(self.run("provision", spec))

    def down(self, name: str) -> Any:
        return self._succeeded(self.run("teardown", {"name": name}))

    def pass_(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> None:
        self.schedule.run(self.clock.seconds + seconds + 60 * minutes + 3600 * hours)

    def until(self, condition: Callable[[], bool], *, hours: float = 2) -> None:
        """Let time pass until this holds."""
        self.schedule.run(self.clock.seconds + 3600 * hours, condition)
        assert condition(), f"not within {hours} h\n{self.history}"

    def quiet(self) -> None:
        """Let time pass until no execution runs and every event has come that is on its way."""
        self.pass_(minutes=2)
        self.until(lambda: not any(each.runs for each in self.executions.all.values()))

    def _succeeded(self, execution: Execution) -> Any:
        ended = (execution.status, execution.error, execution.cause)
        assert execution.status == "SUCCEEDED", f"{ended}\n{self.history}"
        return execution.result

    # -- what is there -----------------------------------------------------------------------

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the deployment's rows of the ledger."""
        [table] = self.stack.named["AWS::DynamoDB::Table"]
        with self.account.uncounted():
            found = self.account.client("dynamodb").query(
                TableName=table,
                KeyConditionExpression="pk = :name",
                ExpressionAttributeValues={":name": {"S": name}},
            )
        return [{k: next(iter(v.values())) for k, v in row.items()} for row in found["Items"]]

    def instances(self) -> list[str]:
        """Return the instances that are not terminated, nor on their way there."""
        with self.account.uncounted():
            found = self.account.client("ec2").describe_instances()
        return [
            instance["InstanceId"]
            for reservation in found["Reservations"]
            for instance in reservation["Instances"]
            if instance["State"]["Name"] not in {"shutting-down", "terminated"}
        ]

    def inventory(self) -> Inventory:
        return self.account.inventory()

    def serving(self, endpoint: str) -> str | None:
        """Return the instance that answers at a public endpoint now; None: none does."""
        try:
            instance = self.internet.instance_at(endpoint.removeprefix("https://"))
        except OSError:
            return None
        host = self.hosts.get(instance or "")
        return host.instance_id if host and host.serves else None

    # -- AWS itself --------------------------------------------------------------------------

    def terminate(self, instance: str) -> None:
        """The instance is lost: as a fault of its hardware, or a person in the console, ends it."""
        with self.account.uncounted():
            self.account.client("ec2").terminate_instances(InstanceIds=[instance])
        self._watch_instances()

    def stop(self, instance: str) -> None:
        with self.account.uncounted():
            self.account.client("ec2").stop_instances(InstanceIds=[instance])
        self._watch_instances()

    def _watch_instances(self) -> None:
        """Tell of each state that an instance has entered; look again when the next one is due."""
        for instance, state in self._instances.changes():
            self.history.add("instance", instance, state=state)
            detail = {"instance-id": instance, "state": state}
            self.events.put(DEFAULT_BUS, "aws.ec2", _STATE_CHANGE, detail)
            self._follow(instance, state)
        if self._next_change:
            self._next_change.cancel()
        due = self._instances.next_change()
        self._next_change = None if due is None else self.schedule.at(due, lambda: None)

    def _follow(self, instance: str, state: str) -> None:
        if state == "running":
            env = settings_of(self.account, instance)
            if env is not None:
                self._host(instance, env, self.boots.pop(0) if self.boots else Boot()).start()
        elif state != "pending" and instance in self.hosts:
            self.hosts.pop(instance).end()

    def _host(self, instance: str, env: Mapping[str, str], boot: Boot) -> Host:
        self.hosts[instance] = Host(
            instance,
            env,
            boot,
            self.schedule,
            self._chance,
            self.history,
            lambda bus, source, kind, text: self.events.put(bus, source, kind, json.loads(text)),
            self._report_seconds,
        )
        return self.hosts[instance]

    # -- set-up ------------------------------------------------------------------------------

    def _furnish(self, account: Account) -> None:
        """What the installer makes, by the template's names."""
        named = self.stack.named
        [table], [profile], [project] = (
            named[kind]
            for kind in (
                "AWS::DynamoDB::Table",
                "AWS::IAM::InstanceProfile",
                "AWS::CodeBuild::Project",
            )
        )
        furnish(account, table=table, profile=profile, project=project)

    def _uuid(self) -> str:
        return str(self._uuid4())

    def _uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._chance.getrandbits(128), version=4)
