"""Every error that AWS may answer to a call of ours is classified on purpose.

Source: botocore's service models, which list each operation's errors (EC2's list none: these are by
hand, after the EC2 error overview, Karpenter's pkg/errors and CAPA's awserrors), and botocore's own
idea of what to retry. A new call, or a new botocore, may bring a code that nobody has looked up.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from orchestrator.aws import error_codes
from orchestrator.aws.error_codes import Meaning

pytestmark = pytest.mark.judge

STEPS = Path(__file__).parents[2] / "functions/orchestrator"
SERVICES = {
    **{
        name: name
        for name in (
            "cloudwatch",
            "codebuild",
            "dynamodb",
            "ec2",
            "ecr",
            "iam",
            "route53",
            "s3",
            "ssm",
            "sts",
        )
    },
    "ec2_once": "ec2",
    "pricing": "pricing",
    "quotas": "service-quotas",
    "sfn": "stepfunctions",
    "sns": "sns",
}
# Among the operations that are called in any case: the search below finds calls at all.
CERTAIN = {
    ("codebuild", "StartBuild"),
    ("dynamodb", "TransactWriteItems"),
    ("ec2", "CreateVpc"),
    ("ec2", "DescribeTags"),
    ("s3", "PutBucketPolicy"),
    ("stepfunctions", "DescribeExecution"),
}
# botocore takes these for throttling; here they are something else, on purpose.
NO_THROTTLING = {("ecr", "CreateRepository", "LimitExceededException")}
EC2 = {
    Meaning.LATER: [
        *("RequestLimitExceeded", "EC2ThrottledException", "DependencyViolation"),
        *("InvalidIPAddress.InUse", "InvalidGroup.InUse", "IncorrectState"),
        *("IncorrectInstanceState", "ResourceNotReady", "InvalidInstanceID"),
    ],
    Meaning.UNSEEN: [
        *("InvalidInstanceID.NotFound", "InvalidVpcID.NotFound", "InvalidSubnetID.NotFound"),
        *("InvalidGroup.NotFound", "InvalidInternetGatewayID.NotFound", "NatGatewayNotFound"),
        *("InvalidRouteTableID.NotFound", "InvalidAllocationID.NotFound"),
        *("InvalidGatewayID.NotFound", "InvalidNatGatewayID.NotFound", "Gateway.NotAttached"),
        *("InvalidAssociationID.NotFound", "InvalidRoute.NotFound"),
        "InvalidSecurityGroupRuleId.NotFound",
    ],
    Meaning.DENIED: ["UnauthorizedOperation"],
    Meaning.CAPACITY: [
        *("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"),
        *("InsufficientReservedInstanceCapacity", "InsufficientFreeAddressesInSubnet"),
        *("UnfulfillableCapacity", "Unsupported", "ReservationCapacityExceeded"),
        "InsufficientVolumeCapacity",
        "SpotMaxPriceTooLow",
    ],
    Meaning.QUOTA: [
        *("VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"),
        *("VpcLimitExceeded", "AddressLimitExceeded", "NatGatewayLimitExceeded"),
        *("InternetGatewayLimitExceeded", "SubnetLimitExceeded", "RouteTableLimitExceeded"),
        *("SecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded"),
        *("NetworkInterfaceLimitExceeded", "VolumeLimitExceeded"),
    ],
    Meaning.ACCOUNT: [
        *("PendingVerification", "Blocked", "OptInRequired"),
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
    ],
    Meaning.CONFLICT: ["InvalidSubnet.Conflict"],
    Meaning.FINAL: [
        *("AuthFailure", "InvalidClientTokenId", "ExpiredToken", "IdempotentParameterMismatch"),
        *("InvalidParameterCombination", "InvalidParameterValue", "InvalidUserData.Malformed"),
        *("ValidationError", "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"),
        *("InvalidAMIID.Malformed", "InvalidSnapshot.NotFound"),
    ],
}


class Calls(ast.NodeVisitor):
    """Collects `clients.<service>.<operation>(...)` and `.get_paginator("<operation>")`."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            called = node.func.value
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            method = node.func.attr
            if method == "get_paginator" and isinstance(node.args[0], ast.Constant):
                method = str(node.args[0].value)
            service = SERVICES.get(name, "")
            if operation := names_of(service).get(method):
                self.found.add((service, operation))
        self.generic_visit(node)


@cache
def model(service):
    return botocore.session.get_session().get_service_model(service)


@cache
def names_of(service):
    """Return boto3's method names of a service -> its operations."""
    return {xform_name(name): name for name in model(service).operation_names} if service else {}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Yield (service, operation, every string in the module that calls it)."""
    for path in sorted(STEPS.rglob("*.py")):
        tree = ast.parse(path.read_text())
        visitor = Calls()
        visitor.visit(tree)
        strings = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        for service, operation in sorted(visitor.found):
            yield service, operation, strings


def refusal(code, operation="SomeOperation", message=""):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def unclassified() -> list[tuple[str, str, str]]:
    """Return (service, operation, code) of each modelled error that no table and no module names.

    A module handles a code when it spells it, e.g. in `tolerating("ParameterNotFound")`.
    """
    return [
        (service, operation, shape.error_code)
        for service, operation, strings in calls()
        for shape in model(service).operation_model(operation).error_shapes
        if shape.error_code not in strings
        and error_codes.meaning(refusal(shape.error_code, operation)) is None
    ]


def test_the_operations_in_use_are_found():
    assert {(service, operation) for service, operation, _ in calls()} >= CERTAIN


def test_every_modelled_error_of_every_call_is_classified():
    assert unclassified() == []


@pytest.mark.parametrize("code", ["AccountLimitExceededException", "TooManyUpdates"])
def test_an_unclassified_error_is_seen(monkeypatch, code):
    monkeypatch.delitem(error_codes._MEANINGS, code)

    assert {found for _, _, found in unclassified()} == {code}


def test_what_botocore_retries_is_later():
    lists = (
        ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
        TransientRetryableChecker._TRANSIENT_ERROR_CODES,
    )
    retried = [code for codes in lists for code in codes]

    assert {code: error_codes.meaning(refusal(code)) for code in retried} == dict.fromkeys(
        retried, Meaning.LATER
    )


def test_what_the_model_calls_throttling_is_later():
    throttling = [
        (service, operation, shape.error_code)
        for service, operation, _ in calls()
        for shape in model(service).operation_model(operation).error_shapes
        if "Throttl" in shape.error_code
        or shape.error_code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    ]

    assert throttling
    assert {
        each
        for each in throttling
        if error_codes.meaning(refusal(each[2], each[1])) is not Meaning.LATER
    } == NO_THROTTLING & set(throttling)


def test_what_the_model_calls_a_fault_of_the_server_is_later():
    faults = {
        shape.error_code
        for service, operation, _ in calls()
        for shape in model(service).operation_model(operation).error_shapes
        if shape.metadata.get("fault") or "Server" in shape.error_code
    }

    assert faults >= {"InternalServerError", "ServerException"}
    assert {code: error_codes.meaning(refusal(code)) for code in faults} == dict.fromkeys(
        faults, Meaning.LATER
    )


@pytest.mark.parametrize(
    ("meaning", "code"), [(meaning, code) for meaning, codes in EC2.items() for code in codes]
)
def test_a_code_of_ec2_is_classified(meaning, code):
    assert error_codes.meaning(refusal(code)) is meaning
