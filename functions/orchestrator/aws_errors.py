"""AWS error codes and what they mean for a workflow: the one table at the boundary.

Sources: the EC2 error overview, Karpenter's pkg/errors and CAPA's awserrors; see
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as Unconnected

from orchestrator.errors import (
    InsufficientCapacity,
    OrchestratorError,
    Pending,
    Refused,
    ResourceConflict,
)

_SERVER_ERROR = 500

_LATER = {
    # throttled: never a verdict on the request itself
    *("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"),
    *("SlowDown", "PriorRequestNotComplete", "ProvisionedThroughputExceededException"),
    "EC2ThrottledException",
    # created a moment ago and not visible everywhere yet
    *("InvalidInstanceID.NotFound", "InvalidVpcID.NotFound", "InvalidSubnetID.NotFound"),
    *("InvalidGroup.NotFound", "InvalidInternetGatewayID.NotFound", "NatGatewayNotFound"),
    *("InvalidRouteTableID.NotFound", "InvalidAllocationID.NotFound", "NoSuchBucket"),
    "InvalidNatGatewayID.NotFound",
    # something still holds it
    *("DependencyViolation", "InvalidIPAddress.InUse", "InvalidGroup.InUse", "IncorrectState"),
    *("IncorrectInstanceState", "DeleteConflict", "BucketNotEmpty", "ResourceInUse"),
    *("ResourceNotReady", "OperationAborted", "InvalidInstanceID"),
    # two workflows wrote the same ledger rows at once
    *("TransactionInProgressException", "TransactionConflictException"),
}
_CAPACITY = {
    *("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity"),
    *("InsufficientReservedInstanceCapacity", "UnfulfillableCapacity", "Unsupported"),
    *("InsufficientFreeAddressesInSubnet", "ReservationCapacityExceeded"),
    *("MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow"),
}
_FOREIGN = {"BucketAlreadyExists", "InvalidChangeBatch", "InvalidSubnet.Conflict"}
_QUOTA = {
    "VcpuLimitExceeded": "the EC2 vCPU quota of this instance family",
    "InstanceLimitExceeded": "the EC2 instance quota",
    "VpcLimitExceeded": "'VPCs per Region' (L-F678F1CE)",
    "AddressLimitExceeded": "'EC2-VPC Elastic IPs' (L-0263D0A3)",
    "NatGatewayLimitExceeded": "'NAT gateways per Availability Zone' (L-FE5A380F)",
    "InternetGatewayLimitExceeded": "'Internet gateways per Region' (L-A4707A72)",
}


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


def translate(error: ClientError | BotoCoreError) -> OrchestratorError:
    """Return the error of ours that tells the workflow what to do about `error`."""
    if isinstance(error, BotoCoreError):
        return _unsent(error)
    found, text = code(error), str(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if found in _CAPACITY:
        return InsufficientCapacity(f"{text}; try another instance.type, or later")
    if found in _QUOTA:
        return Refused(f"{text}; ask AWS to raise {_QUOTA[found]} in Service Quotas")
    if found in _FOREIGN:
        return ResourceConflict(f"{text}; something of this name is not ours: rename or remove it")
    if found in _LATER or status >= _SERVER_ERROR or _profile_is_new(error):
        return Pending(text)
    return Refused(f"{text}; see the message, correct it and start the workflow again")


def _unsent(error: BotoCoreError) -> OrchestratorError:
    if isinstance(error, HTTPClientError | Unconnected):
        return Pending(f"AWS did not answer: {error}")
    return Refused(f"{error}; this request could not be sent at all")


def _profile_is_new(error: ClientError) -> bool:
    """Return whether EC2 does not know a fresh instance profile yet (it can take seconds)."""
    return code(error) == "InvalidParameterValue" and "Instance Profile" in str(error)
