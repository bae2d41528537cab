"""The steps on the strict AWS, driven as Step Functions drives them: Pending means try again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import few_scripts
import pytest
from awssim import Account
from awssim.clients import ACCOUNT_ID, REGION
from awssim.furnish import (
    BUILD_PROJECT,
    HOST_BOUNDARY,
    INSTANCE_PROFILE,
    LEDGER_TABLE,
    NOTICE_TOPIC,
    SCHEDULE_GROUP,
    SCHEDULER_ROLE,
)
from botocore.exceptions import BotoCoreError, ClientError
from orchestrator.aws.clients import Clients
from orchestrator.aws.internet import Document, Unreachable
from orchestrator.aws.translation import translate
from orchestrator.creation import visibility
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.deployments.lifecycle import begin
from orchestrator.errors import Pending
from orchestrator.hosts import traffic
from orchestrator.ledger.rows import LOCK
from orchestrator.ledger.store import Ledger
from orchestrator.resources import address
from orchestrator.settings import Settings
from orchestrator.spec.parsing import parse

ROOT = Path(__file__).parents[1]
INSTALLATION = "lamplighter"
WEEKDAYS = {"start": "08:00", "stop": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
SPEC = {
    "name": "demo", "model": "m", "dns": {"domain": "example.com"},
    "schedule": {"time_zone": "Europe/Berlin", "on": [WEEKDAYS]},
    "sleep": {"after_idle_minutes": 60},
}  # fmt: skip
PATIENCE = 900  # virtual seconds
RETRY_SECONDS = 15  # virtual, between two tries of a Pending step: MaxDelaySeconds of the workflows


@contextmanager
def translated() -> Iterator[None]:
    """What the step decorator does with AWS's errors."""
    try:
        yield
    except (ClientError, BotoCoreError) as refusal:
        raise translate(refusal) from refusal


class Workflow:
    """Runs steps of one deployment under its lock, as a workflow would."""

    def __init__(
        self, account: Account, spec: dict[str, Any], installation: str = INSTALLATION
    ) -> None:
        """installation: one of its own has a table of its own (awssim.furnish.create_ledger)."""
        self.account = account
        self.spec = spec
        self.deployment = parse(spec)
        self.installation = installation
        self.clients = _clients(account, installation)
        self.ledger = ledger_of(self.clients, str(spec["name"]), account.clock.now)

    def start(self) -> None:
        self.ledger.put(LOCK, {"owner": self.ledger.owner})
        begin(self.deployment, self.ledger)

    def run(self, act: Callable[..., Any], module: Any = None) -> Any:
        """Run a step, act(clients, deployment, ledger), as `_patiently` does."""
        return self._patiently(lambda: act(self.clients, self.deployment, self.ledger), module)

    def clear(self, act: Callable[..., Any], module: Any = None) -> Any:
        """As `run`, for a step that parses no specification: act(clients, ledger)."""
        return self._patiently(lambda: act(self.clients, self.ledger), module)

    def _patiently(self, act: Callable[[], Any], module: Any) -> Any:
        """Act until it is not Pending any more; the clock moves between the tries."""
        self.clients.settings = _settings(_payload(module), self.installation)
        deadline = self.account.clock.seconds + PATIENCE
        while True:
            try:
                with visibility.translated(self.ledger):
                    return act()
            except Pending:
                if self.account.clock.seconds > deadline:
                    raise
                self.account.clock.advance(RETRY_SECONDS)

    def ensure(self, *modules: Any) -> Any:
        return [self._ensured(module) for module in modules][-1]

    def _ensured(self, module: Any) -> Any:
        if module is address and self.ledger.serving() is None:
            self.promote()
        return self.run(module.ensure, module)

    def promote(self) -> None:
        """What follows a host's proof: the newest one is the deployment's."""
        self.run(partial(traffic.promote_host, generation=self.ledger.hosts()[-1].generation))

    def provision(self) -> None:
        self.start()
        self.ensure(*RESOURCES)

    def destroy(self, *modules: Any) -> None:
        for module in modules:
            self.clear(module.destroy, module)

    def teardown(self) -> None:
        self.destroy(*reversed(RESOURCES))


def offline(url: str) -> Document:
    """The internet of a test that has none."""
    raise Unreachable(f"no internet here for {url}")


def _clients(account: Account, installation: str) -> Clients:
    """Clients of the product, filled with the account's: building boto3's is what costs time."""
    settings = _settings(ROOT / "host_scripts", installation)
    clients = Clients(settings, now=account.clock.now, fetch=offline)
    services = {"sfn": "stepfunctions", "ec2_once": "ec2", "quotas": "service-quotas"}
    names = (
        "cloudwatch",
        "codebuild",
        "dynamodb",
        "ec2",
        "ec2_once",
        "ecr",
        "iam",
        "pricing",
        "quotas",
        "route53",
        "s3",
        "scheduler",
    )
    for name in (*names, "sfn", "sns", "ssm"):
        clients.__dict__[name] = account.client(services.get(name, name))
    return clients


def ledger_of(clients: Clients, name: str, now: Callable[[], datetime]) -> Ledger:
    settings = clients.settings
    owner = f"execution-of-{name}"
    return Ledger(
        clients.dynamodb,
        settings.ledger_table,
        settings.installation,
        name,
        owner,
        now,
        settings.settle_seconds,
    )


def _payload(module: Any) -> Path:
    """Each step's layer is mounted at /opt: the gateway's source, or the host's scripts."""
    is_image = module is not None and module.__name__.endswith(".image")
    return ROOT / "proxy" if is_image else few_scripts.folder()


def _settings(payload: Path, installation: str) -> Settings:
    return Settings(
        installation=installation,
        partition="aws",
        region=REGION,
        account=ACCOUNT_ID,
        ledger_table=LEDGER_TABLE if installation == INSTALLATION else f"{installation}-ledger",
        event_bus=installation,
        host_boundary=HOST_BOUNDARY,
        earlier_profile=INSTANCE_PROFILE,
        image_project=BUILD_PROJECT,
        repair_machine="",
        payload=payload,
        image_owners=("amazon", "099720109477"),
        settle_seconds=60,
        step_seconds=60,
        host_silence_seconds=180,
        notice_topic=NOTICE_TOPIC,
        stop_machine=f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{installation}-stop",
        start_machine=f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{installation}-start",
        schedule_group=SCHEDULE_GROUP
        if installation == INSTALLATION
        else f"{installation}-schedules",
        scheduler_role=SCHEDULER_ROLE,
        dead_letters=f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{installation}-dead-letters",
    )


@pytest.fixture
def workflow(account: Account) -> Workflow:
    return Workflow(account, SPEC)


@pytest.fixture(scope="session")
def progress(furnished: bytes) -> list[bytes]:
    """Snapshots of an undisturbed provision: before each step, and after the last one."""
    with Account().active() as account, account.uncounted():
        account.restore(furnished)
        return snapshots(Workflow(account, SPEC))


def snapshots(workflow: Workflow) -> list[bytes]:
    """Provision, and return the account before each step and after the last one."""
    workflow.start()
    taken = [workflow.account.snapshot()]
    for module in RESOURCES:
        workflow.ensure(module)
        taken.append(workflow.account.snapshot())
    return taken


@pytest.fixture
def provisioned_before(workflow: Workflow, progress: list[bytes]) -> Callable[[Any], Workflow]:
    """Call it with a resource's module: everything that comes before it is there."""

    def provisioned(module: Any) -> Workflow:
        workflow.account.restore(progress[RESOURCES.index(module)])
        return workflow

    return provisioned


@pytest.fixture
def complete(workflow: Workflow, progress: list[bytes]) -> Workflow:
    """A deployment that is provisioned; its host has reported nothing yet."""
    workflow.account.restore(progress[-1])
    return workflow


@pytest.fixture
def neighbour(account: Account) -> Workflow:
    """Another deployment of the same account, complete."""
    other = Workflow(
        account,
        {"name": "other", "model": "m", "dns": {"domain": "example.com", "subdomain": "other"}},
    )
    with account.uncounted():
        other.provision()
    return other


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
