"""The installation, and the two states of its account that tests begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ports import free_port
from twin import control as twins
from twinlab import Installation

from workflow.clients import Client

# A short time to live: a predecessor drains for two of them.
SPEC = {"name": "alpha", "model": "m", "dns": {"domain": "demo.test", "ttl_seconds": 5}}
# Short waits that AWS needs long: a dead step's last act, invisible tags, a silent host.
PARAMETERS = {"StepTimeoutSeconds": "10", "SettleSeconds": "2", "HostSilenceSeconds": "15"}

_REPAIRS = 2


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    state = tmp_path_factory.mktemp("workflows")
    twin = twins.up("stub", print, state, port=free_port(), parameters=PARAMETERS)
    stack = Installation(twin, {}).client("cloudformation").describe_stacks(StackName=twin.stack)
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Stacks"][0]["Outputs"]}
    made = Installation(twin, outputs)
    yield made
    take_down(made)
    assert made.inventory() == []
    twins.down(state)


@pytest.fixture
def aws(installed: Installation) -> Iterator[Installation]:
    """An empty account; a test that leaves a deployment behind has it taken down."""
    take_down(installed)
    yield installed
    take_down(installed)
    assert installed.inventory() == []


@pytest.fixture
def live(installed: Installation) -> Iterator[tuple[Installation, dict[str, Any]]]:
    """The deployment `alpha`, serving, and what provision said of it.

    It stays for the next such test: a provision of what is there changes nothing. After some
    repairs it is made anew: Lamplighter replaces four hosts within an hour at most.
    """
    if "alpha" in names(installed) and len(installed.repairs("alpha")) > _REPAIRS:
        installed.down("alpha")
    yield installed, installed.up(**SPEC)
    settle(installed)


@pytest.fixture
def asking(installed: Installation) -> Iterator[Callable[[str], Client]]:
    """Starts a client of a deployment; it ends with the test at the latest."""
    clients: list[Client] = []

    def start(name: str) -> Client:
        clients.append(Client(installed, name))
        clients[-1].start()
        return clients[-1]

    yield start
    for each in clients:
        each.stop()


def take_down(installed: Installation) -> None:
    settle(installed)
    for name in names(installed):
        installed.down(name)


def settle(installed: Installation) -> None:
    """Plan no fault any more, and wait until no workflow runs."""
    installed.twin.faults.write_text("{}", "utf-8")
    installed.quiet()


def names(installed: Installation) -> list[str]:
    """The deployments that are there."""
    items = installed.client("dynamodb").scan(TableName=installed.outputs["LedgerTable"])["Items"]
    return [
        item["pk"]["S"]
        for item in items
        if item["sk"]["S"] == "deployment" and item["status"]["S"] != "absent"
    ]
