"""One twin for the whole session, with a small stack of our own in the place of Lamplighter's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hostlab.hosting import KEY, PROGRAMS, SCRIPTS, STAND_IN, Hosted, end, launched, put_key
from patience import eventually
from ports import free_port
from twin import control as twins
from twin.record import Twin

__all__ = ["SCRATCH", "Account", "account", "client_of", "eventually", "free_port"]
SCRATCH = Path(__file__).parent / "scratch" / "template.yaml"


@dataclass(frozen=True, slots=True)
class Account:
    """The twin's account, as a test sees it."""

    twin: Twin
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return client_of(twins.environment(self.twin.state), service)

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.twin.journal.read_text("utf-8").splitlines()]

    def plan_faults(self, planned: dict[str, Any]) -> None:
        self.twin.faults.write_text(json.dumps(planned), encoding="utf-8")

    def start(self, machine: str, given: Any, **options: Any) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(given), **options
        )
        return str(started["executionArn"])

    def ended(self, execution: str, seconds: float = 60) -> dict[str, Any]:
        """The description of the execution once it is over."""
        workflows = self.client("stepfunctions")
        return eventually(
            lambda: workflows.describe_execution(executionArn=execution),
            lambda described: described["status"] != "RUNNING",
            seconds,
        )

    def image(self) -> str:
        """The newest Ubuntu 24.04, as SSM names it."""
        name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def await_state(self, instance: str, state: str) -> None:
        """Return once the instance is in this state."""
        ec2 = self.client("ec2")
        eventually(
            lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"],
            lambda seen: seen[0]["State"]["Name"] == state,
            60,
        )

    def run(self, given: Any) -> dict[str, Any]:
        """The end of the scratch machine's run with this input."""
        return self.ended(self.start(self.outputs["Machine"], given))


def client_of(environment: dict[str, str], service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    state = tmp_path_factory.mktemp("twin")
    twin = twins.up("stub", print, state, port=free_port(), template=SCRATCH)
    stacks = client_of(twins.environment(state), "cloudformation")
    outputs = stacks.describe_stacks(StackName=twin.stack)["Stacks"][0]["Outputs"]
    yield Account(twin, {each["OutputKey"]: each["OutputValue"] for each in outputs})
    twins.down(state)


@pytest.fixture
def hosted(account: Any) -> Iterator[Hosted]:
    made = launched(account, STAND_IN)
    yield made
    end(account, made)


@pytest.fixture
def followed(account: Any) -> Iterator[Hosted]:
    """A host whose agent is the real one, which follows the parameters of SSM."""
    put_key(account, "default", KEY)
    account.client("ssm").put_parameter(
        Name="/twin/hosted/api-key", Value=KEY, Type="SecureString", Overwrite=True
    )
    made = launched(account, {str(p.relative_to(SCRIPTS)): p.read_bytes() for p in PROGRAMS})
    yield made
    end(account, made)
