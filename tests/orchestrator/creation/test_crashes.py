"""The Lambda dies right after AWS did what it asked; AWS answers late, badly, or with a refusal.

The complete sweep over every call belongs to the fault matrix; here are the calls that AWS cannot
deduplicate, with tags that stay invisible for a while, and one of each kind that it can.
"""

from __future__ import annotations

import pytest
from awssim import Account, Crash, error, furnish
from orchestrator.deployments.inventory import RESOURCES
from orchestrator.errors import Pending, Refused, ResourceConflict
from orchestrator.resources import bucket, dns, instance, keys, network, registry
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
    "CreateSchedule",
]


class Undisturbed:
    """A provision in an account whose tags become visible late."""

    def __init__(self, workflow):
        self.before = {}
        """By operation: the step that calls it first, and the account before that step."""
        self.furnished = workflow.account.snapshot()
        calls = workflow.account.calls
        workflow.start()
        for module in RESOURCES:
            already, snapshot = len(calls), workflow.account.snapshot()
            workflow.ensure(module)
            for call in calls[already:]:
                self.before.setdefault(call.operation, (module, snapshot))
        self.shape = workflow.account.shape()


@pytest.fixture(scope="module")
def undisturbed():
    with Account(tag_lag=TAG_LAG).active() as account:
        furnish(account)
        return Undisturbed(Workflow(account, SPEC))


@pytest.fixture
def lagging(undisturbed):
    """A workflow in such an account."""
    with Account().active() as account:
        account.restore(undisturbed.furnished)
        yield Workflow(account, SPEC)


@pytest.fixture
def crashed(lagging, undisturbed, operation):
    """A workflow whose process died after this operation, in the first step that calls it."""
    module, snapshot = undisturbed.before[operation]
    lagging.account.restore(snapshot)
    lagging.account.fault(operation=operation, when="after", crash=True)
    with pytest.raises(Crash):
        lagging.ensure(module)
    return lagging


@pytest.mark.parametrize("operation", UNTOKENED + OTHERS)
def test_a_crash_after_creating_leaves_exactly_one_in_the_end(crashed, undisturbed):
    crashed.provision()

    assert crashed.account.shape() == undisturbed.shape


@pytest.mark.parametrize("operation", UNTOKENED + OTHERS)
def test_teardown_finds_what_a_crashed_provision_did_not_write_down(crashed):
    crashed.teardown()

    assert crashed.account.inventory() == {}


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


def test_a_repeated_launch_asks_for_exactly_the_same(provisioned_before):
    """Even if the newest image changed meanwhile: AWS would refuse the token otherwise."""
    workflow = provisioned_before(instance)
    workflow.account.fault(operation="RunInstances", when="after", crash=True)
    with pytest.raises(Crash):
        workflow.ensure(instance)
    changed = error("ParameterNotFound", "asked for the newest image again")
    workflow.account.fault(operation="GetParameter", error=changed)

    workflow.provision()

    assert len(workflow.account.inventory()["instances"]) == 1


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        (registry, lambda c: c.ecr.create_repository(repositoryName="lamplighter/demo/gateway")),
        (bucket, lambda c: c.s3.create_bucket(Bucket="lamplighter-demo-123456789012-us-east-1")),
        (
            keys,
            lambda c: c.ssm.put_parameter(
                Name="/lamplighter/demo/api-key", Value="x", Type="SecureString"
            ),
        ),
        (dns, lambda c: foreign_record(c)),
    ],
    ids=["registry", "bucket", "keys", "dns"],
)
def test_a_foreign_one_is_refused_and_survives_the_teardown(provisioned_before, module, foreign):
    workflow = provisioned_before(module)
    with workflow.account.uncounted():
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
