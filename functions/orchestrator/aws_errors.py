"""AWS error codes and what they mean for a workflow: the one table at the boundary.

Sources: the EC2 error overview, Karpenter's pkg/errors, CAPA's awserrors, botocore's service models
(tests/judges/test_error_codes.py compares this table with them); see
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as Unconnected
from botocore.retries.standard import (
    RetryContext,
    ThrottledRetryableChecker,
    TransientRetryableChecker,
)

from orchestrator.errors import (
    InsufficientCapacity,
    OrchestratorError,
    Pending,
    Refused,
    ResourceConflict,
)


class Meaning(Enum):
    """What an error code means for the step that received it."""

    LATER = auto()  # throttled, busy or a fault of AWS: the same call works later
    UNSEEN = auto()  # the resource does not exist, or was created too recently to be visible
    DENIED = auto()  # IAM denies it, or does not see the tags of a new resource yet
    CAPACITY = auto()  # another zone, type or time
    QUOTA = auto()  # a service quota of the account
    ACCOUNT = auto()  # the account itself is restricted
    CONFLICT = auto()  # somebody else's resource has our name
    FINAL = auto()  # our request is wrong, or something that it needs is


_SERVER_ERROR = 500

DENIED = "UnauthorizedOperation"  # EC2's
ACCESS_DENIED = "AccessDeniedException"  # of ECR and SSM, among others
# The calls of ECR and SSM that template.yaml allows by the tags of what they change.
_ALLOWED_BY_TAG = {
    *("DeleteParameter", "DeleteRepository", "PutLifecyclePolicy", "SetRepositoryPolicy"),
}

_LATER = {
    # botocore's own lists are asked beside these
    *("KmsThrottlingException", "ReplicatedWriteConflictException", "TooManyUpdates"),
    *("InternalServerError", "ServerException", "ExecutionLimitExceeded"),
    # something still holds it
    *("DependencyViolation", "InvalidIPAddress.InUse", "InvalidGroup.InUse", "IncorrectState"),
    *("IncorrectInstanceState", "DeleteConflict", "BucketNotEmpty", "ResourceInUse"),
    *("ResourceNotReady", "OperationAborted", "InvalidInstanceID"),
    # two workflows wrote the same ledger rows at once
    *("TransactionConflictException", "TransactionCanceledException"),
}
_UNSEEN = {
    *("NatGatewayNotFound", "Gateway.NotAttached"),
    *("NoSuchBucket", "RepositoryNotFoundException", "ParameterNotFound"),
}
# EC2's `<kind>.NotFound` is about something that a step created, except for these.
_NOT_CREATED_BY_US = {"InvalidAMIID", "InvalidSnapshot", "InvalidKeyPair"}
_PROFILE = "Instance Profile"
_UNSEEN_PARAMETER = ("belong to different networks", _PROFILE)
_CAPACITY = {
    *("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"),
    *("InsufficientReservedInstanceCapacity", "UnfulfillableCapacity", "Unsupported"),
    *("InsufficientFreeAddressesInSubnet", "ReservationCapacityExceeded", "SpotMaxPriceTooLow"),
}
_CONFLICT = {
    *("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "InvalidChangeBatch"),
    *("InvalidSubnet.Conflict", "RepositoryAlreadyExistsException", "ParameterAlreadyExists"),
}
_QUOTA = {
    "VcpuLimitExceeded": "the EC2 vCPU quota of this instance family",
    "InstanceLimitExceeded": "the EC2 instance quota",
    "MaxSpotInstanceCountExceeded": "the spot instance quota of this family, for G and VT "
    "'All G and VT Spot Instance Requests' (L-3819A6DF)",
    "VpcLimitExceeded": "'VPCs per Region' (L-F678F1CE)",
    "AddressLimitExceeded": "'EC2-VPC Elastic IPs' (L-0263D0A3)",
    "NatGatewayLimitExceeded": "'NAT gateways per Availability Zone' (L-FE5A380F)",
    "InternetGatewayLimitExceeded": "'Internet gateways per Region' (L-A4707A72)",
    "SubnetLimitExceeded": "'Subnets per VPC' (L-407747CB)",
    "RouteTableLimitExceeded": "'Route tables per VPC' (L-589F43AA)",
    "SecurityGroupLimitExceeded": "'VPC security groups per Region' (L-E79EC296)",
    "RulesPerSecurityGroupLimitExceeded": "'Inbound or outbound rules per security group' "
    "(L-0EA8095F), or allow fewer network.allowed_cidrs",
    "NetworkInterfaceLimitExceeded": "'Network interfaces per Region' (L-DF5E4CA3)",
    "VolumeLimitExceeded": "the EBS storage quota of gp3 volumes",
    "TooManyBuckets": "S3's 'General purpose buckets' (L-DC2B2D3D)",
    "ParameterLimitExceeded": "the number of SSM parameters, or delete unused ones",
    "AccountLimitExceededException": "CodeBuild's concurrently running builds",
}
# botocore takes LimitExceededException for throttling; ECR's is the number of repositories.
_QUOTA_OF_OPERATION = {
    ("CreateRepository", "LimitExceededException"): "ECR's 'Registered repositories' (L-CFEB8E8D)",
}
_ACCOUNT = {
    "PendingVerification": "AWS verifies this account: wait for its e-mail, or ask AWS Support",
    "Blocked": "the account is blocked: only AWS Support can lift that",
    "OptInRequired": "enable this region or service for the account, then start again",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": "create the role once: "
    "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
}
_HELD = (
    "AWS holds back CodeBuild in this account (usual for a new one), whatever number Service "
    "Quotas shows: only AWS Support lifts it; open a case, then start the workflow again"
)
_FINAL = {
    # credentials and permissions of the other services
    *("AccessDenied", ACCESS_DENIED, "AuthFailure", "InvalidClientTokenId"),
    *("ExpiredToken", "ExpiredTokenException", "KmsAccessDeniedException", "KmsException"),
    "KmsInvalidStateException",
    # a request that no waiting corrects
    *("IdempotentParameterMismatch", "IdempotentParameterMismatchException", "InvalidArn"),
    *("InvalidParameterCombination", "InvalidParameterValue", "InvalidParameterException"),
    *("InvalidInputException", "InvalidInput", "InvalidRequest", "ValidationError"),
    *("ValidationException", "InvalidUserData.Malformed", "MalformedPolicyDocument"),
    *("InvalidTagParameterException", "TooManyTagsException", "TagLimitExceeded"),
    *("InvalidExecutionInput", "InvalidName", "InvalidOutput", "InvalidDomainName"),
    *("InvalidWriteOffset", "TooManyParts", "EncryptionTypeMismatch", "RouteAlreadyExists"),
    *("InvalidNextToken", "InvalidFilterKey", "InvalidFilterOption", "InvalidFilterValue"),
    *("InvalidKeyId", "InvalidResourceType", "InvalidAllowedPatternException"),
    *("HierarchyLevelLimitExceededException", "HierarchyTypeMismatchException"),
    *("ParameterMaxVersionLimitExceeded", "ParameterPatternMismatchException"),
    *("ParameterVersionNotFound", "UnsupportedParameterType", "PoliciesLimitExceededException"),
    *("InvalidPolicyTypeException", "InvalidPolicyAttributeException"),
    *("IncompatiblePolicyException", "ItemCollectionSizeLimitExceededException"),
    # the installation or the operator's own things are missing
    *("ResourceNotFoundException", "StateMachineDoesNotExist", "StateMachineDeleting"),
    *("NoSuchHostedZone", "NoSuchHealthCheck", "InvalidAMIID.NotFound"),
    *("InvalidAMIID.Unavailable", "InvalidAMIID.Malformed", "InvalidSnapshot.NotFound"),
    "RepositoryNotEmptyException",
}
_MEANINGS = {
    DENIED: Meaning.DENIED,
    **dict.fromkeys(_LATER, Meaning.LATER),
    **dict.fromkeys(_UNSEEN, Meaning.UNSEEN),
    **dict.fromkeys(_CAPACITY, Meaning.CAPACITY),
    **dict.fromkeys(_QUOTA, Meaning.QUOTA),
    **dict.fromkeys(_ACCOUNT, Meaning.ACCOUNT),
    **dict.fromkeys(_CONFLICT, Meaning.CONFLICT),
    **dict.fromkeys(_FINAL, Meaning.FINAL),
}
_REMEDIES = {
    Meaning.UNSEEN: "it was removed outside Lamplighter: start again, `up` makes what is missing",
    Meaning.DENIED: "allow it in IAM (or in the organisation's policies), then start again",
}
_CORRECT = "see the message, correct it and start the workflow again"
_ZERO_BUILDS = re.compile(r"more than 0 (active )?builds")
_SOME_BUILDS = re.compile(r"more than [1-9]\d* (active )?builds")
_LIMIT = re.compile(r"LimitExceeded(Exception)?$")


def code(error: ClientError) -> str:
    """Return AWS's error code, e.g. `InvalidVpcID.NotFound`."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Swallow the AWS errors named: they mean that the wanted state is already there."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise


def translate(error: ClientError | BotoCoreError, *, young: bool = False) -> OrchestratorError:
    """Return the error of ours that tells the workflow what to do about `error`.

    young: something of the deployment was created or changed less than SettleSeconds ago, so that
    AWS may not see it, or its tags, everywhere yet.
    """
    if isinstance(error, BotoCoreError):
        return _unsent(error)
    text = str(error)
    found = meaning(error) or _guess(error)
    if found is Meaning.LATER or (young and found in {Meaning.UNSEEN, Meaning.DENIED}):
        return Pending(text)
    if found is Meaning.CAPACITY:
        return InsufficientCapacity(f"{text}; try another instance.type, or later")
    if found is Meaning.CONFLICT:
        return ResourceConflict(f"{text}; something of this name is not ours: rename or remove it")
    return Refused(f"{text}; {_remedy(error, found)}")


def meaning(error: ClientError) -> Meaning | None:
    """Return what the table says about the error, None when it does not name its code."""
    name, text = code(error), str(error)
    if (error.operation_name, name) in _QUOTA_OF_OPERATION:
        return Meaning.QUOTA
    if name == ACCESS_DENIED and error.operation_name in _ALLOWED_BY_TAG:
        return Meaning.DENIED
    if name == "AccountLimitExceededException" and _SOME_BUILDS.search(text):
        return Meaning.LATER
    if name == "InvalidParameterValue" and any(sign in text for sign in _UNSEEN_PARAMETER):
        return Meaning.UNSEEN
    return _MEANINGS.get(name) or _by_rule(error)


def _by_rule(error: ClientError) -> Meaning | None:
    seen = RetryContext(1, parsed_response=error.response)
    retried = (ThrottledRetryableChecker(), TransientRetryableChecker())
    if any(checker.is_retryable(seen) for checker in retried):
        return Meaning.LATER
    kind, _, state = code(error).partition(".")
    is_ours = state == "NotFound" and kind not in _NOT_CREATED_BY_US
    return Meaning.UNSEEN if is_ours else None


def _guess(error: ClientError) -> Meaning:
    """Return the most likely meaning of a code that nobody has looked up."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_ERROR:
        return Meaning.LATER
    return Meaning.QUOTA if _LIMIT.search(code(error)) else Meaning.FINAL


def _remedy(error: ClientError, found: Meaning) -> str:
    """Return what the operator does about an error that waiting does not cure."""
    name, text = code(error), str(error)
    if found is Meaning.QUOTA:
        quota = _QUOTA_OF_OPERATION.get((error.operation_name, name)) or _QUOTA.get(name)
        raised = f"ask AWS to raise {quota or 'this quota'} in Service Quotas"
        return _HELD if _ZERO_BUILDS.search(text) else raised
    if found is Meaning.UNSEEN and _PROFILE in text:
        return "the installation is incomplete: run `make deploy`, then start again"
    return _ACCOUNT.get(name) or _REMEDIES.get(found, _CORRECT)


def _unsent(error: BotoCoreError) -> OrchestratorError:
    if isinstance(error, HTTPClientError | Unconnected):
        return Pending(f"AWS did not answer: {error}")
    return Refused(f"{error}; this request could not be sent at all")
