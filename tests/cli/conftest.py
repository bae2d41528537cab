"""The operator's account: real boto3 clients; moto keeps the ledger, the workflows are scripted."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.loaders import Loader
from click.testing import CliRunner
from clilab.workflows import REGION, Scripting, Workflows
from lamplighter.aws import account
from lamplighter.main import cli
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from clilab.fixture_types import Lock, Origins, Run
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

# Reading AWS's service models takes most of a client's making: once is enough.
LOADER = Loader()


@pytest.fixture
def script() -> type[Scripting]:
    return Scripting


@pytest.fixture
def workflows() -> Workflows:
    return Workflows()


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, workflows: Workflows) -> Iterator[Table]:
    """An installation with an empty ledger table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    original = account.open_session

    def scripted(*arguments: Any) -> boto3.Session:
        session = original(*arguments)
        session._session.register_component("data_loader", LOADER)
        workflows.attach(session)
        return session

    monkeypatch.setattr(account, "open_session", scripted)
    monkeypatch.setattr("lamplighter.deployments.workflows.time.sleep", lambda _seconds: None)
    with mock_aws():
        yield _table()


@cache
def _dynamodb() -> DynamoDBServiceResource:
    """One client for all tests: moto answers it anew in each."""
    return boto3.resource("dynamodb", region_name=REGION)


def _table() -> Table:
    return _dynamodb().create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )


@pytest.fixture
def serving(ledger: Table) -> Table:
    """A ledger that knows one deployment, `prod`, which serves."""
    ledger.put_item(
        Item={
            "pk": "prod",
            "sk": "deployment",
            "desired": "present",
            "status": "serving",
            "generation": 2,
            "instance_id": "i-2",
            "endpoint": "https://infer.example.com",
            "served_at": "2026-05-01T12:00:00+00:00",
            "updated_at": "2026-05-01T12:00:01+00:00",
        }
    )
    return ledger


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "prod.yaml"
    file.write_text("name: prod\nmodel: m\n", encoding="utf-8")
    return str(file)


@pytest.fixture
def lamplighter() -> Run:
    """Run a command line; the result has exit_code, stdout and stderr."""

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner(mix_stderr=False).invoke(
            cli, arguments, input=stdin, prog_name="lamplighter"
        )

    return run


@pytest.fixture
def locked(ledger: Table, workflows: Workflows) -> Lock:
    """Let a workflow of this verb run and hold the lock of `prod`; return its ARN."""

    def lock(verb: str, document: dict[str, Any]) -> str:
        arn = workflows.begin(verb, document)
        ledger.put_item(Item={"pk": "prod", "sk": "lock", "owner": arn})
        return arn

    return lock


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Origins:
    """Let the local twin run (moto stands in for its emulator) with these origins."""

    def run(origins: dict[str, str]) -> None:
        file = tmp_path / "origins.json"
        file.write_text(json.dumps(origins), encoding="utf-8")
        environment = {"LAMPLIGHTER_ORIGINS": str(file)}
        monkeypatch.setattr("twin.control.status", lambda _state_dir: {"up": True})
        monkeypatch.setattr("twin.control.environment", lambda _state_dir: environment)

    return run
