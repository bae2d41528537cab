"""The Lambda dies right after AWS did what it asked; AWS answers late, badly, or with a refusal.

The complete sweep over every call belongs to the fault matrix; here are the calls that AWS cannot
deduplicate, with tags that stay invisible for a while, and one of each kind that it can.
"""

from __future__ import annotations

import pytest
from awssim import Account, Crash, error, furnish
from orchestrator.deployments.lifecycle import RESOURCES
from orchestrator.errors import Pending, Refused, ResourceConflict
from orchestrator.resources import network
from steps import SPEC, Workflow, translated

TAG_LAG = 20  # virtual seconds; SETTLE_SECONDS of the tests is 60
UNTOKENED = ["CreateVpc", "CreateInternetGateway", "AllocateAddress", "CreateSubnet"]
OTHERS = [
    "CreateSecurityGroup",
    "CreateRouteTable",
    "RunInstances",
    "CreateRepository",
    "CreateBucket",
    "StartBuild",
    "PutParameter",
    "ChangeResourceRecordSets",
]


@pytest.fixture(scope="module")
def complete():
    """The shape of an account after an undisturbed provision."""
    with Account(tag_lag=TAG_LAG).active() as account:
        furnish(account)
        Workflow(account, SPEC).provision()
        return account.shape()


@pytest.fixture
def lagging():
    """A workflow in an account whose tags become visible late."""
    with Account(tag_lag=TAG_LAG).active() as account:
        furnish(account)
        yield Workflow(account, SPEC)


@pytest.mark.parametrize("operation", UNTOKENED + OTHERS)
def test_a_crash_after_creating_leaves_exactly_one_in_the_end(lagging, complete, operation):
    lagging.account.fault(operation=operation, when="after", crash=True)

    with pytest.raises(Crash):
        lagging.provision()
    lagging.provision()

    assert lagging.account.shape() == complete


@pytest.mark.parametrize("operation", UNTOKENED + OTHERS)
def test_teardown_finds_what_a_crashed_provision_did_not_write_down(lagging, operation):
    lagging.account.fault(operation=operation, when="after", crash=True)

    with pytest.raises(Crash):
        lagging.provision()
    lagging.teardown()

    assert lagging.account.inventory() == {}


def test_a_lost_reply_to_an_untokened_create_makes_no_second_one(lagging):
    lagging.account.fault(
        operation="CreateVpc", when="after", error=error("InternalError", status=500)
    )
    lagging.start()

    with pytest.raises(Pending), translated():
        network.ensure(lagging.clients, lagging.deployment, lagging.ledger)
    lagging.ensure(network)

    assert len(lagging.account.inventory()["vpcs"]) == 1


def test_a_refusal_is_not_waited_for(workflow):
    refusal = error("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
    workflow.account.fault(operation="CreateVpc", error=refusal)
    workflow.start()

    with pytest.raises(Refused, match="L-F678F1CE"), translated():
        network.ensure(workflow.clients, workflow.deployment, workflow.ledger)
    network.ensure(workflow.clients, workflow.deployment, workflow.ledger)

    assert len(workflow.account.inventory()["vpcs"]) == 1


def test_a_repeated_launch_asks_for_exactly_the_same(workflow):
    """Even if the newest image changed meanwhile: AWS would refuse the token otherwise."""
    workflow.account.fault(operation="RunInstances", when="after", crash=True)
    with pytest.raises(Crash):
        workflow.provision()
    changed = error("ParameterNotFound", "asked for the newest image again")
    workflow.account.fault(operation="GetParameter", error=changed)

    workflow.provision()

    assert len(workflow.account.inventory()["instances"]) == 1


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("registry", lambda c: c.ecr.create_repository(repositoryName="lamplighter/demo/gateway")),
        ("bucket", lambda c: c.s3.create_bucket(Bucket="lamplighter-demo-123456789012-us-east-1")),
        (
            "keys",
            lambda c: c.ssm.put_parameter(
                Name="/lamplighter/demo/api-key", Value="x", Type="SecureString"
            ),
        ),
        ("dns", lambda c: foreign_record(c)),
    ],
)
def test_a_foreign_one_is_refused_and_survives_the_teardown(workflow, module, foreign):
    module = next(m for m in RESOURCES if m.__name__.endswith(f".{module}"))
    with workflow.account.uncounted():
        workflow.start()
        workflow.ensure(*RESOURCES[: RESOURCES.index(module)])
        foreign(workflow.clients)
    inventory = workflow.account.inventory()

    with pytest.raises(ResourceConflict, match="not ours"):
        workflow.ensure(module)
    workflow.destroy(module)

    assert workflow.account.inventory() == inventory


def foreign_record(clients):
    [zone] = clients.route53.list_hosted_zones()["HostedZones"]
    record = {
        "Name": "infer.example.com",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    clients.route53.change_resource_record_sets(
        HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]}
    )
