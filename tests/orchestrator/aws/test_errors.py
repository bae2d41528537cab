"""What AWS's errors mean: by code, by message, and by the age of what they are about."""

from __future__ import annotations

import pytest
from awssim import Account, Crash, error, furnish
from botocore.exceptions import EndpointConnectionError, ParamValidationError, ReadTimeoutError
from orchestrator.aws.translation import translate
from orchestrator.errors import InsufficientCapacity, Pending, Refused, ResourceConflict
from orchestrator.resources import network
from steps import SPEC, Workflow

SETTLED = 3600  # virtual seconds; settle_seconds of the tests is 60
NETWORKS = "route table rtb-1 and network gateway igw-1 belong to different networks"
PROFILE = "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile"
ZERO = "Cannot have more than 0 builds in queue for the account"
SOME = "Cannot have more than 10 builds in queue for the account"

LATER = [
    *("RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException"),
    *("RequestThrottled", "RequestThrottledException", "RequestTimeout", "SlowDown"),
    *("RequestTimeoutException", "BandwidthLimitExceeded", "LimitExceededException"),
    *("TooManyRequestsException", "PriorRequestNotComplete", "EC2ThrottledException"),
    *("ProvisionedThroughputExceededException", "TransactionInProgressException"),
    *("TooManyUpdates", "DependencyViolation", "OperationAborted", "IncorrectState"),
]
UNSEEN = [
    *("InvalidInstanceID.NotFound", "InvalidVpcID.NotFound", "InvalidSubnetID.NotFound"),
    *("InvalidGroup.NotFound", "InvalidInternetGatewayID.NotFound", "NatGatewayNotFound"),
    *("InvalidRouteTableID.NotFound", "InvalidAllocationID.NotFound", "NoSuchBucket"),
    *("InvalidGatewayID.NotFound", "InvalidNetworkInterfaceID.NotFound", "Gateway.NotAttached"),
    *("RepositoryNotFoundException", "ParameterNotFound", "NoSuchEntity"),
]
REFUSED = [
    ("VcpuLimitExceeded", "", "Service Quotas"),
    ("MaxSpotInstanceCountExceeded", "", "L-3819A6DF"),
    ("RulesPerSecurityGroupLimitExceeded", "", "L-0EA8095F"),
    ("SomethingNewLimitExceeded", "", "Service Quotas"),
    ("TooManyBuckets", "", "L-DC2B2D3D"),
    ("ParameterLimitExceeded", "", "SSM parameters"),
    ("AccountLimitExceededException", ZERO, "only AWS Support lifts it"),
    ("AccountLimitExceededException", "", "concurrently running builds"),
    ("PendingVerification", "", "AWS Support"),
    ("OptInRequired", "", "enable this region"),
    ("UnauthorizedOperation", "", "IAM"),
    ("AccessDenied", "", "correct it"),
    ("IdempotentParameterMismatch", "", "correct it"),
    ("InvalidAMIID.NotFound", "", "correct it"),
    ("InvalidParameterValue", "", "correct it"),
    ("InvalidParameterValue", PROFILE, "removed outside Lamplighter"),
    ("InvalidParameterValue", NETWORKS, "removed outside Lamplighter"),
    ("InvalidVpcID.NotFound", "", "removed outside Lamplighter"),
]


def translated(code, message="", *, status=400, operation="SomeOperation", young=False):
    refusal = error(code, f"the message of AWS: {message}", status=status).of(operation)
    return translate(refusal, young=young)


@pytest.mark.parametrize("code", LATER)
def test_what_is_throttled_or_busy_is_repeated(code):
    assert type(translated(code)) is Pending


@pytest.mark.parametrize(("code", "message"), [(code, "") for code in UNSEEN] + [
    ("InvalidParameterValue", NETWORKS), ("InvalidParameterValue", PROFILE),
    ("UnauthorizedOperation", ""),
])  # fmt: skip
def test_what_may_not_be_visible_yet_is_waited_for_while_something_is_young(code, message):
    assert type(translated(code, message, young=True)) is Pending
    assert type(translated(code, message, young=False)) is Refused


@pytest.mark.parametrize(
    "operation",
    ["DeleteParameter", "DeleteRepository", "PutLifecyclePolicy", "SetRepositoryPolicy"],
)
def test_a_denial_of_ecr_or_ssm_is_waited_for_while_something_is_young(operation):
    for young, kind in ((True, Pending), (False, Refused)):
        denial = translated("AccessDeniedException", operation=operation, young=young)
        assert type(denial) is kind
    assert "allow it in IAM" in str(denial)


def test_a_denial_that_no_tag_decides_is_refused_at_once():
    assert type(translated("AccessDeniedException", operation="StartBuild", young=True)) is Refused


@pytest.mark.parametrize(("code", "message", "remedy"), REFUSED)
def test_a_refusal_names_its_remedy(code, message, remedy):
    refusal = translated(code, message)

    assert type(refusal) is Refused
    assert remedy in str(refusal)
    assert f"the message of AWS: {message}" in str(refusal)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InternalError", 500, Pending),
        ("NeverHeardOf", 503, Pending),
        ("NeverHeardOf", 400, Refused),
        ("InsufficientInstanceCapacity", 500, InsufficientCapacity),
        ("BucketAlreadyExists", 409, ResourceConflict),
    ],
)
def test_a_fault_of_aws_is_repeated_unless_its_code_says_otherwise(code, status, kind):
    assert type(translated(code, status=status)) is kind


def test_a_full_build_queue_is_waited_for():
    assert type(translated("AccountLimitExceededException", SOME)) is Pending


def test_ecrs_limit_is_a_quota_although_botocore_takes_it_for_throttling():
    refusal = translated("LimitExceededException", operation="CreateRepository")

    assert type(refusal) is Refused
    assert "Registered repositories" in str(refusal)


@pytest.mark.parametrize(
    ("unsent", "kind"),
    [
        (EndpointConnectionError(endpoint_url="https://ec2"), Pending),
        (ReadTimeoutError(endpoint_url="https://ec2"), Pending),
        (ParamValidationError(report="VpcId is no string"), Refused),
    ],
)
def test_what_did_not_arrive_is_repeated_and_what_cannot_be_sent_is_not(unsent, kind):
    assert type(translate(unsent)) is kind


@pytest.mark.parametrize(
    ("operation", "refusal"),
    [
        ("CreateRoute", error("InvalidParameterValue", NETWORKS)),
        ("CreateSubnet", error("UnauthorizedOperation", status=403)),
    ],
)
def test_a_view_that_lags_behind_a_new_network_is_waited_for(workflow, account, operation, refusal):
    workflow.start()
    account.fault(operation=operation, error=refusal, times=3)

    workflow.ensure(network)

    assert account.faults.unspent() == []


def test_a_gateway_attached_again_is_as_young_as_a_new_one(workflow, account):
    workflow.start()
    workflow.ensure(network)
    account.clock.advance(SETTLED)
    detach(workflow)
    account.fault(operation="CreateRoute", error=error("InvalidParameterValue", NETWORKS))

    workflow.ensure(network)

    assert account.faults.unspent() == []


def detach(workflow):
    """Take the internet gateway off the network, and its route with it, as an operator may."""
    ec2 = workflow.clients.ec2
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    [attachment] = gateway["Attachments"]
    ec2.detach_internet_gateway(
        InternetGatewayId=gateway["InternetGatewayId"], VpcId=attachment["VpcId"]
    )
    table = workflow.ledger.resource("public-routes").id
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")


def test_a_gateway_made_again_gets_the_default_route_of_the_removed_one(workflow):
    workflow.start()
    workflow.ensure(network)
    ec2 = workflow.clients.ec2
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    removed, [attachment] = gateway["InternetGatewayId"], gateway["Attachments"]
    ec2.detach_internet_gateway(InternetGatewayId=removed, VpcId=attachment["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=removed)

    workflow.ensure(network)

    made = workflow.ledger.resource("internet-gateway").id
    table = workflow.ledger.resource("public-routes").id
    [described] = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert made != removed
    assert [
        r["GatewayId"] for r in described["Routes"] if r["DestinationCidrBlock"] == "0.0.0.0/0"
    ] == [made]


@pytest.mark.parametrize("code", ["InvalidGatewayID.NotFound", "UnauthorizedOperation"])
def test_an_error_that_stays_is_final_once_everything_has_settled(workflow, account, code):
    workflow.start()
    account.fault(operation="CreateRoute", error=error(code), times=None)

    with pytest.raises(Refused, match=code):
        workflow.ensure(network)

    settle = workflow.clients.settings.settle_seconds
    assert settle <= account.clock.seconds < 2 * settle


def test_a_denial_to_delete_what_is_gone_is_its_deletion(workflow, account):
    """IAM looks at the tags first, and what is gone has none."""
    workflow.start()
    workflow.ensure(network)
    account.clock.advance(SETTLED)
    account.fault(operation="DeleteVpc", when="after", crash=True)
    with pytest.raises(Crash):
        workflow.destroy(network)
    account.fault(operation="DeleteVpc", error=error("UnauthorizedOperation"), times=None)

    workflow.destroy(network)

    assert account.inventory() == {}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidVpcID.NotFound"])
def test_what_is_too_young_to_be_visible_is_not_taken_for_deleted(code):
    with Account(tag_lag=20).active() as account:
        furnish(account)
        workflow = Workflow(account, SPEC)
        workflow.start()
        workflow.ensure(network)
        account.fault(operation="DeleteVpc", error=error(code))

        workflow.destroy(network)

        assert account.faults.unspent() == []
        assert account.inventory() == {}


def test_a_denial_to_delete_what_is_there_is_refused(workflow, account):
    workflow.start()
    workflow.ensure(network)
    account.clock.advance(SETTLED)
    account.fault(operation="DeleteVpc", error=error("UnauthorizedOperation"))

    with pytest.raises(Refused, match="IAM"):
        workflow.destroy(network)

    assert workflow.ledger.resource("vpc")
