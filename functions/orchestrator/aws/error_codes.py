"""AWS error codes and what they mean for a step: the one table at the boundary.

Sources: the EC2 error overview, Karpenter's pkg/errors, CAPA's awserrors, botocore's service models
(tests/judges/test_error_codes.py compares this table with them); see
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from botocore.exceptions import ClientError
from botocore.retries.standard import (
    RetryContext,
    ThrottledRetryableChecker,
    TransientRetryableChecker,
)

from orchestrator.aws.account_limits import QUOTA_OF_OPERATION, QUOTAS, RESTRICTIONS


class Meaning(Enum):
    """What an error code means for the step that received it."""

    LATER = auto()  # throttled, busy or a fault of AWS: the same call works later
    UNSEEN = auto()  # the resource does not exist, or was created too recently to be visible
    DENIED = auto()  # IAM denies it, or does not see the tags of a new resource yet
    CAPACITY = auto()  # another zone, type or time
    QUOTA = auto()  # a service quota of the account
    ACCOUNT = auto()  # the account itself is restricted
    CONFLICT = auto()  # a resource that is not ours has our name
    FINAL = auto()  # our request is wrong, or something that it needs is


DENIED = "UnauthorizedOperation"  # EC2's
ACCESS_DENIED = "AccessDeniedException"  # of ECR and SSM, among others
IAM_DENIED = "AccessDenied"  # of IAM itself
# The calls of services other than EC2 that template.yaml allows by the tags of what they change.
_ALLOWED_BY_TAG = {
    *("DeleteParameter", "DeleteRepository", "PutLifecyclePolicy", "SetRepositoryPolicy"),
    *("PutImageTagMutability", "PutImageScanningConfiguration"),
    *("PutRolePolicy", "PutRolePermissionsBoundary", "UpdateAssumeRolePolicy", "DeleteRolePolicy"),
    *("DetachRolePolicy", "DeleteRole", "AddRoleToInstanceProfile", "DeleteInstanceProfile"),
    *("RemoveRoleFromInstanceProfile", "DeleteAlarms"),
}

_LATER = {
    # botocore's own lists are asked beside these
    *("KmsThrottlingException", "ReplicatedWriteConflictException", "TooManyUpdates"),
    *("InternalServerError", "InternalServiceError", "ServerException", "ExecutionLimitExceeded"),
    *("ServiceException", "InternalErrorException"),
    # something still holds it
    *("DependencyViolation", "InvalidIPAddress.InUse", "InvalidGroup.InUse", "IncorrectState"),
    *("IncorrectInstanceState", "DeleteConflict", "BucketNotEmpty", "ResourceInUse"),
    "ResourceConflict",
    *("ResourceNotReady", "OperationAborted", "InvalidInstanceID"),
    # of IAM
    *("ConcurrentModification", "EntityTemporarilyUnmodifiable", "ServiceFailure"),
    # of SNS
    *("InternalError", "KMSThrottling"),
    # two workflows wrote the same ledger rows at once
    *("TransactionConflictException", "TransactionCanceledException"),
}
_UNSEEN = {
    *("NatGatewayNotFound", "Gateway.NotAttached"),
    *(
        "InvocationDoesNotExist",
        "NoSuchBucket",
        "RepositoryNotFoundException",
        "ParameterNotFound",
        "NoSuchEntity",
    ),
}
# EC2's `<kind>.NotFound` is about something that a step created, except for these.
_NOT_CREATED_BY_US = {
    *("InvalidAMIID", "InvalidSnapshot", "InvalidKeyPair", "InvalidCapacityReservationId"),
}
INSTANCE_PROFILE = "Instance Profile"
_UNSEEN_PARAMETER = ("belong to different networks", INSTANCE_PROFILE)
_CAPACITY = {
    *("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"),
    *("InsufficientReservedInstanceCapacity", "UnfulfillableCapacity", "Unsupported"),
    *("InsufficientFreeAddressesInSubnet", "ReservationCapacityExceeded", "SpotMaxPriceTooLow"),
    "InsufficientVolumeCapacity",
}
_CONFLICT = {
    *("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "InvalidChangeBatch"),
    *("InvalidSubnet.Conflict", "RepositoryAlreadyExistsException", "ParameterAlreadyExists"),
    "EntityAlreadyExists",
}
_FINAL = {
    # credentials and permissions of the other services
    *(IAM_DENIED, ACCESS_DENIED, "AuthFailure", "InvalidClientTokenId"),
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
    *("NoSuchDelegationSet", "DelegationSetNotReusable"),
    *("InvalidAMIID.Unavailable", "InvalidAMIID.Malformed", "InvalidSnapshot.NotFound"),
    *("RepositoryNotEmptyException", "UnmodifiableEntity", "PolicyNotAttachable"),
    # of commands to a host's machine
    *("DuplicateInstanceId", "InvalidInstanceId", "InvalidDocument", "InvalidDocumentVersion"),
    *("InvalidOutputFolder", "InvalidParameters", "UnsupportedPlatformType", "InvalidRole"),
    *("MaxDocumentSizeExceeded", "InvalidNotificationConfig", "InvalidCommandId"),
    "InvalidPluginName",
    # of quotas and prices, which are only looked at
    *("NoSuchResourceException", "IllegalArgumentException", "NotFoundException"),
    *("InvalidNextTokenException", "ExpiredNextTokenException"),
    *("InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed"),
    # of SNS: the topic, its key or the message
    *("AuthorizationError", "InvalidParameter", "InvalidSecurity", "NotFound"),
    *("ParameterValueInvalid", "EndpointDisabled", "PlatformApplicationDisabled"),
    *("KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired"),
}
_MEANINGS = {
    DENIED: Meaning.DENIED,
    **dict.fromkeys(_LATER, Meaning.LATER),
    **dict.fromkeys(_UNSEEN, Meaning.UNSEEN),
    **dict.fromkeys(_CAPACITY, Meaning.CAPACITY),
    **dict.fromkeys(QUOTAS, Meaning.QUOTA),
    **dict.fromkeys(RESTRICTIONS, Meaning.ACCOUNT),
    **dict.fromkeys(_CONFLICT, Meaning.CONFLICT),
    **dict.fromkeys(_FINAL, Meaning.FINAL),
}
_SOME_BUILDS = re.compile(r"more than [1-9]\d* (active )?builds")


def code(error: ClientError) -> str:
    """Return AWS's error code, e.g. `InvalidVpcID.NotFound`."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Swallow the AWS errors named: they mean that the desired state is reached already."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise


def meaning(error: ClientError) -> Meaning | None:
    """Return the error's meaning by the table, None when its code is not in it."""
    name, text = code(error), str(error)
    if (error.operation_name, name) in QUOTA_OF_OPERATION:
        return Meaning.QUOTA
    if name in {ACCESS_DENIED, IAM_DENIED} and error.operation_name in _ALLOWED_BY_TAG:
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
