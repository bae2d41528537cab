"""One account with Lamplighter installed, its hosts and its events, on one virtual clock."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

from awssim import Account, furnish
from awssim.clock import Clock
from awssim.inventory import Inventory
from awssim.rules.instances import Instances
from moto.moto_api._internal import mock_random

from simlab.aws_calls import StepFunctions
from simlab.events import DEFAULT_BUS, Events
from simlab.functions import Lambda
from simlab.history import History
from simlab.hosts import Boot, Host, settings_of
from simlab.internet import Internet
from simlab.machines import Machines
from simlab.orders import Orders
from simlab.schedule import Schedule, Timer, VirtualClock
from simlab.scheduler import Scheduler
from simlab.template import Rule, Stack, stack
from simlab.workflows.executions import Execution, Executions

_STATE_CHANGE = "EC2 Instance State-change Notification"
_OWN_LAYERS = 5  # workflows, orders, machines, paths, scheduler: no part of the account
_PATIENCE = 4 * 3600.0  # virtual seconds; no workflow of ours may take longer


class World:
    """Made by `open`.

    boots: what the next hosts do, one each; the hosts after them boot as usual. hosts: those whose
    instances run, by instance.
    """

    def __init__(
        self,
        account: Account,
        chance: random.Random,
        known: Stack,
        *,
        duplicates: float,
        report_seconds: float | None,
    ) -> None:
        self.account, self.stack = account, known
        self.clock = _virtual(account.clock)
        self.schedule = Schedule(self.clock)
        self.history = History(self.clock)
        self.boots: list[Boot] = []
        self.hosts: dict[str, Host] = {}
        self._chance, self._report_seconds = chance, report_seconds
        self._functions = Lambda(self.clock, known.functions, uuid.uuid4)
        shared = (self._functions, chance, self.history)
        self.executions = Executions(self.schedule, known.machines, *shared)
        self.events = Events(self.schedule, known.rules, *shared, duplicates)
        self.internet = Internet(account, self.hosts)
        self.machines = Machines(self.hosts, self.schedule, self._boot)
        self.scheduler = Scheduler(account, self.schedule, self.executions, chance, self.history)
        self._instances = next(each for each in account.layers if isinstance(each, Instances))
        self._next_change: Timer | None = None
        self.schedule.watch = self._watch_instances

    @classmethod
    @contextmanager
    def open(
        cls,
        seed: int = 0,
        *,
        parameters: Mapping[str, str] | None = None,
        duplicates: float = 0.1,
        report_seconds: float | None = None,
        look_seconds: float | None = None,
        tag_lag: float = 0,
        restore: Callable[[Account], None] | None = None,
    ) -> Iterator[World]:
        """Everything inside happens in this world: calls to AWS, connections, the time of day.

        seed: decides boot times, delays, duplicates, jitter and ids: one seed, one history.
        parameters: the template's, where they are not its defaults. duplicates: the share of
        events that come twice. report_seconds: how often hosts repeat an unchanged report, where
        the product's own interval costs too much CPU; look_seconds: the same for what a rule
        repeats, the look of every minute. tag_lag: see Account. restore: fills the
        account from a saved one, whose clock is a VirtualClock; its running instances serve.
        """
        chance = random.Random(seed)  # noqa: S311 - no secret
        known = stack(parameters or {})
        if look_seconds is not None:
            known = replace(known, rules=tuple(_rarer(rule, look_seconds) for rule in known.rules))
        account = Account(tag_lag=tag_lag, clock=VirtualClock())
        with account.active(), mock.patch.object(uuid, "uuid4", partial(_uuid, chance)):
            mock_random.seed(chance.getrandbits(64))
            (restore or _installer(known))(account)
            world = cls(
                account, chance, known, duplicates=duplicates, report_seconds=report_seconds
            )
            with world._installed():
                yield world

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """The handlers' calls lead here; hosts that run already are found."""
        orders = Orders(self.hosts, self.schedule)
        ours = (StepFunctions(self.executions), orders, self.machines, self.internet.paths)
        self.account.layers = (*ours, self.scheduler, *self.account.layers)
        self.scheduler.plan()
        self._instances.changes()  # of an earlier world
        with self._functions.installed(), self.internet.installed():
            for instance in self.instances():
                env = settings_of(self.account, instance)
                if env is not None and self._instances.state(instance) == "running":
                    self._host(instance, env, Boot()).start_serving()
            self._watch_instances()
            yield

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
        asked = _When(self, condition)
        self.schedule.run(self.clock.seconds + 3600 * hours, asked)
        assert condition(), f"not within {hours} h\n{self.history}"

    def quiet(self) -> None:
        """Let time pass until no execution runs and every event has come that is on its way."""
        self.pass_(minutes=2)
        self.until(lambda: not any(each.runs for each in self.executions.all.values()))

    def _succeeded(self, execution: Execution) -> Any:
        ended = (execution.status, execution.error, execution.cause)
        assert execution.status == "SUCCEEDED", f"{ended}\n{self.history}"
        return execution.result

    @property
    def invocations(self) -> int:
        """How many functions have been started so far."""
        return self._functions.invocations

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

    def saved(self) -> bytes:
        """Return the account as it is, for `restore` of another world."""
        ours = self.account.layers
        self.account.layers = ours[_OWN_LAYERS:]
        saved = self.account.snapshot()
        self.account.layers = ours
        return saved

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
            self.internet.paths.forget()
            self.history.add("instance", instance, state=state)
            detail = {"instance-id": instance, "state": state}
            self.events.put(DEFAULT_BUS, "aws.ec2", _STATE_CHANGE, detail)
            self._follow(instance, state)
        if self._next_change:
            self._next_change.cancel()
        due = self._instances.next_change()
        self._next_change = None if due is None else self.schedule.at(due, lambda: None)

    def _boot(self, instance: str) -> None:
        """A machine starts, or starts again."""
        env = settings_of(self.account, instance)
        if env is not None and self._instances.state(instance) == "running":
            self._host(instance, env, self.boots.pop(0) if self.boots else Boot()).start()

    def _follow(self, instance: str, state: str) -> None:
        if state == "running":
            self._boot(instance)
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


class _When:
    """A condition that is looked at again only after something has happened."""

    def __init__(self, world: World, condition: Callable[[], bool]) -> None:
        self._world, self._condition = world, condition
        self._known: tuple[int, int] | None = None
        self._held = False

    def __call__(self) -> bool:
        happened = len(self._world.account.calls), len(self._world.history.moments)
        if happened != self._known:
            self._known, self._held = happened, self._condition()
        return self._held


def _installer(known: Stack) -> Callable[[Account], None]:
    """Return what makes the things that the template has, by its names."""
    [table], [profile], [project] = (
        known.named[kind]
        for kind in ("AWS::DynamoDB::Table", "AWS::IAM::InstanceProfile", "AWS::CodeBuild::Project")
    )
    boundary, topic, schedules = known.boundary, known.topic, known.schedules
    return lambda account: furnish(
        account,
        table=table,
        profile=profile,
        project=project,
        boundary=boundary,
        topic=topic,
        schedules=schedules,
    )


def _rarer(rule: Rule, seconds: float) -> Rule:
    return rule if rule.every is None else replace(rule, every=seconds)


def _virtual(clock: Clock) -> VirtualClock:
    if not isinstance(clock, VirtualClock):
        raise TypeError(f"{type(clock).__name__}: this account was not saved by a simulation")
    return clock


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)
