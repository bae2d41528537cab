"""One emulated AWS account: moto in this process, made as strict, as slow and as faulty as AWS."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from awssim import clients, direct, inventory, shortcuts, snapshot
from awssim.calls import Call
from awssim.clock import Clock
from awssim.faults import Fault, Faults, Refusal, When
from awssim.request import Layer, Request, Response, Send
from awssim.rules import catalogue
from awssim.rules.addresses import Addresses
from awssim.rules.alarms import Alarms
from awssim.rules.attachments import Attachments
from awssim.rules.bucket_owners import BucketOwners
from awssim.rules.bucket_policies import BucketPolicies
from awssim.rules.capacity import Capacity
from awssim.rules.catalogue import Catalogue
from awssim.rules.certificates import Certificates
from awssim.rules.codebuild import CodeBuild
from awssim.rules.commands import Commands
from awssim.rules.domain_names import DomainNames
from awssim.rules.iam import Iam
from awssim.rules.in_use import InUse
from awssim.rules.instances import Instances
from awssim.rules.nat_gateways import NatGateways
from awssim.rules.network_interfaces import NetworkInterfaces
from awssim.rules.price_list import PriceList
from awssim.rules.quotas import Quotas
from awssim.rules.registries import Registries
from awssim.rules.route53 import Route53
from awssim.rules.schedules import Schedules
from awssim.rules.security_groups import SecurityGroups
from awssim.rules.status_checks import StatusChecks
from awssim.rules.tags import Tags
from awssim.rules.tokens import Tokens
from awssim.rules.topics import Topics
from awssim.rules.visibility import Visibility
from botocore.client import BaseClient
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awssim.inventory import Inventory, Item

SECONDS_PER_CALL = 0.05
# What an account keeps beside moto.
_RECORDS = (
    "layers", "builds", "buckets", "capacity", "quotas", "price_list", "checks", "commands",
    "certificates", "_given",
)  # fmt: skip

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": clients.ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": clients.SECRET_KEY,
    "AWS_DEFAULT_REGION": clients.REGION,
    "AWS_REGION": clients.REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Account:
    """Usable inside `active()`. `tag_lag`: seconds until a new thing is found by its tags.

    with Account(tag_lag=20).active() as account:
        account.fault(operation="CreateVpc", when="after", crash=True)
    """

    def __init__(self, *, tag_lag: float = 0, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.calls: list[Call] = []
        self.faults = Faults()
        self.builds = CodeBuild(self.clock)
        self.buckets = BucketOwners()
        self.capacity, self.quotas, self.price_list = Capacity(self.clock), Quotas(), PriceList()
        instances, self.checks = Instances(self.clock), StatusChecks(self.clock)
        self.commands = Commands(self.clock, instances, self.checks)
        self.certificates = Certificates(self.clock)
        given = (
            *(self.buckets, self.quotas, self.price_list, self.builds, self.commands),
            *(self.certificates, DomainNames(self.clock, self.certificates)),
        )
        self.layers = _layers(
            self.clock, tag_lag, instances, given=given, checks=self.checks, capacity=self.capacity
        )
        self._uncounted = False
        self._given: frozenset[Item] = frozenset()

    @contextmanager
    def active(self) -> Iterator[Account]:
        """Every boto3 client of this process talks to this account; `time.sleep` costs no time."""
        over_http: Send = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def to_moto(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Response:
            found = direct.answer(client, operation, parameters)
            return over_http(client, operation, parameters) if found is None else found

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Response:
            return self._call(Request(client, operation, parameters, to_moto))

        with ExitStack() as stack:
            stack.enter_context(catalogue.in_force())
            stack.enter_context(mock_aws())
            stack.enter_context(shortcuts.in_force())
            stack.enter_context(mock.patch.dict(os.environ, _ENVIRONMENT))
            stack.enter_context(mock.patch.object(BaseClient, "_make_api_call", call))
            stack.enter_context(mock.patch("time.sleep", self.clock.advance))
            yield self

    def client(self, service: str) -> Any:
        """A boto3 client that all accounts share; its calls count like any other's."""
        return clients.client(service)

    def fault(
        self,
        *,
        when: When = "before",
        operation: str | None = None,
        number: int | None = None,
        where: Callable[[Call], bool] | None = None,
        crash: bool = False,
        error: Refusal | Exception | None = None,
        times: int | None = 1,
    ) -> None:
        """Plants a fault at the calls that match every condition given (None: any).

        times: how many calls it strikes, None for all of them.
        """
        self.faults.plant(Fault(when, error, operation, number, where, times), crash=crash)

    def creating_calls(self) -> list[Call]:
        """The calls that create, change or delete something; the ledger's own writes left out."""
        return [call for call in self.calls if call.changes_the_account()]

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Calls inside are not numbered, not faulted and take no time; AWS's rules still hold."""
        before, self._uncounted = self._uncounted, True
        try:
            yield
        finally:
            self._uncounted = before

    def snapshot(self) -> bytes:
        """Return all that is in the account, and its time; calls and faults are not in it."""
        return snapshot.take(self.clock, {name: vars(self)[name] for name in _RECORDS})

    def restore(self, taken: bytes) -> None:
        """Be what another account, or this one, was when the snapshot was taken."""
        vars(self).update(snapshot.restore(taken, self.clock))

    def take_as_given(self) -> None:
        """What is in the account now belongs to the account: the inventory leaves it out."""
        self._given = frozenset(self._items())

    def inventory(self) -> Inventory:
        """Ids of everything here, by kind; `{}` when only the account's own things are left."""
        return inventory.by_kind(self._items() - self._given, lambda item: item.id)

    def shape(self) -> Inventory:
        """As `inventory`, but what each thing looks like instead of its id: accounts compare."""
        return inventory.by_kind(self._items() - self._given, lambda item: item.looks)

    def _items(self) -> set[Item]:
        with self.uncounted():
            return set(inventory.read())

    def _call(self, request: Request) -> Response:
        if self._uncounted:
            return self._serve(request, self.layers)
        call = Call(
            len(self.calls) + 1, request.service, request.operation, dict(request.parameters)
        )
        self.calls.append(call)
        self.clock.advance(SECONDS_PER_CALL)
        self.faults.meet(call, "before")
        response = self._serve(request, self.layers)
        self.faults.meet(call, "after")
        return response

    def _serve(self, request: Request, layers: tuple[Layer, ...]) -> Response:
        """The first layer with a rule for this call decides; below the last one is moto."""
        for index, layer in enumerate(layers):
            rule = layer.rules.get(request.name)
            if rule:
                return rule(request, partial(self._serve, layers=layers[index + 1 :]))
        return request.send()


def _layers(
    clock: Clock,
    tag_lag: float,
    instances: Instances,
    *,
    given: tuple[Layer, ...],
    checks: StatusChecks,
    capacity: Capacity,
) -> tuple[Layer, ...]:
    """Outermost first: what the caller sees last is decided first. Below the tokens is only what
    AWS does not ask again when it replays an answer: whether there is capacity.

    given: those that a test reaches into.
    """
    nat_gateways = NatGateways(clock)
    return (
        Visibility(clock, tag_lag),
        Tags(),
        Catalogue(),
        InUse(instances, nat_gateways),
        Attachments(),
        Addresses(instances, nat_gateways),
        NetworkInterfaces(instances, nat_gateways),
        checks,
        instances,
        nat_gateways,
        Route53(clock),
        SecurityGroups(),
        Iam(),
        Registries(),
        Alarms(),
        Topics(),
        Schedules(),
        *given,
        BucketPolicies(),
        Tokens(),
        capacity,
    )
