"""What a deployment has in AWS before its instance starts, made by the orchestrator's own steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from machine.lab.cloud.cloud import ACCOUNT, ACME_DIRECTORY, DOMAIN, REGION, REGISTRY
from orchestrator.aws.clients import Clients
from orchestrator.deployments.lifecycle import begin
from orchestrator.ledger.rows import LOCK
from orchestrator.ledger.store import Ledger
from orchestrator.resources import bucket, keys, scripts
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.parsing import parse

SCRIPTS = Path(__file__).parents[3] / "host_scripts"
NAME = "lab"
MODEL = "lab/model"
GATEWAY_IMAGE = f"{REGISTRY}/lamplighter/{NAME}/gateway:0123456789abcdef"
ENGINE_IMAGE = f"{REGISTRY}/engine:cpu"
HF_TOKEN_PARAMETER = f"/lamplighter/{NAME}/hf-token"
HF_TOKEN = "hf_plantedtokenofthelab0000000000"
EVENT_BUS = "lamplighter"
SPEC: dict[str, Any] = {
    "name": NAME,
    "model": MODEL,
    "dns": {"domain": DOMAIN},
    "instance": {"gpu": False},
    "engine": {
        "on_cpu": True,
        "image": ENGINE_IMAGE,
        "hf_token_parameter": HF_TOKEN_PARAMETER,
        "arguments": ["--max-num-seqs", "64"],
    },
    "certificate": {"challenge": "dns-01", "directory": ACME_DIRECTORY},
}
_LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What boots the machine, and the first API key."""

    user_data: str
    api_key: str
    bucket: str
    prefix: str


def seed(spec: dict[str, Any] = SPEC) -> Seeded:
    """Run the steps against the account that boto3 finds; the gateway's image counts as built."""
    clients = Clients(_settings())
    deployment = parse(spec)
    ledger = _ledger(clients, deployment)
    _furnish(clients)
    ledger.put(LOCK, {"owner": ledger.owner})
    begin(deployment, ledger)
    bucket.ensure(clients, deployment, ledger)
    keys.ensure(clients, deployment, ledger)
    ledger.ready("image", uri=GATEWAY_IMAGE)
    return _render(clients, deployment, ledger)


def change(spec: dict[str, Any]) -> Seeded:
    """Render and upload again, for what seed() made: an update of the scripts in place."""
    clients = Clients(_settings())
    deployment = parse(spec)
    return _render(clients, deployment, _ledger(clients, deployment))


def _ledger(clients: Clients, deployment: Deployment) -> Ledger:
    return Ledger(
        clients.dynamodb,
        _LEDGER,
        clients.settings.installation,
        deployment.name,
        "lab",
        now=lambda: datetime.now(UTC),
        settle_seconds=clients.settings.settle_seconds,
    )


def _render(clients: Clients, deployment: Deployment, ledger: Ledger) -> Seeded:
    prefix = scripts.ensure(clients, deployment, ledger)["prefix"]
    row = ledger.resource("scripts")
    assert row is not None, "scripts.ensure writes it"
    return Seeded(
        row.facts["user_data"],
        keys.read(clients, deployment.name),
        bucket.name_of(clients, deployment.name),
        prefix,
    )


def _furnish(clients: Clients) -> None:
    """What the installation and the operator bring: ledger, event bus, zone, token."""
    clients.dynamodb.create_table(
        TableName=_LEDGER,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    boto3.client("events").create_event_bus(Name=EVENT_BUS)
    boto3.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference=NAME)
    clients.ssm.put_parameter(Name=HF_TOKEN_PARAMETER, Value=HF_TOKEN, Type="SecureString")


def _settings() -> Settings:
    return Settings(
        installation=EVENT_BUS,
        partition="aws",
        region=REGION,
        account=ACCOUNT,
        ledger_table=_LEDGER,
        event_bus=EVENT_BUS,
        host_boundary=f"arn:aws:iam::{ACCOUNT}:policy/hosts",
        earlier_profile="lamplighter-instance",
        image_project="lamplighter-gateway",
        repair_machine="",
        payload=SCRIPTS,
        image_owners=("amazon", "099720109477"),
        settle_seconds=60,
        step_seconds=60,
        host_silence_seconds=30,
    )
