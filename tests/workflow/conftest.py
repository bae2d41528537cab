"""The installation, once per session; every test leaves the account empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ports import free_port
from twin import control as twins
from twinlab import Installation

# Short waits that AWS needs long: a dead step's last act, invisible tags, a silent host.
PARAMETERS = {"StepTimeoutSeconds": "6", "SettleSeconds": "2", "HostSilenceSeconds": "15"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    state = tmp_path_factory.mktemp("workflows")
    twin = twins.up("stub", print, state, port=free_port(), parameters=PARAMETERS)
    stack = Installation(twin, {}).client("cloudformation").describe_stacks(StackName=twin.stack)
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Stacks"][0]["Outputs"]}
    yield Installation(twin, outputs)
    twins.down(state)


@pytest.fixture
def aws(installed: Installation) -> Iterator[Installation]:
    """An empty account; a test that leaves a deployment behind has it taken down."""
    installed.twin.faults.write_text("{}", "utf-8")
    yield installed
    installed.twin.faults.write_text("{}", "utf-8")
    installed.quiet()
    for name in live(installed):
        installed.down(name)
    assert installed.inventory() == []


def live(installed: Installation) -> list[str]:
    items = installed.client("dynamodb").scan(TableName=installed.outputs["LedgerTable"])["Items"]
    return [
        item["pk"]["S"]
        for item in items
        if item["sk"]["S"] == "deployment" and item["status"]["S"] != "absent"
    ]
