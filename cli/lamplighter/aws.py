"""The account: the only place that builds boto3 clients; reads stack outputs, explains errors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import boto3
from botocore import exceptions as aws_errors
from botocore.config import Config

from lamplighter.errors import Unavailable
from lamplighter.origins import VARIABLE as ORIGINS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

# No answer at all, as opposed to a no: it may come when asked again.
Silence = (aws_errors.HTTPClientError, aws_errors.ConnectionError)
AwsError = (aws_errors.BotoCoreError, aws_errors.ClientError)
NOT_ALLOWED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_NOT_KNOWN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_LOG_IN = (
    "run `aws login`, `aws sso login` or `aws configure`, or name a profile with --profile or "
    "AWS_PROFILE"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """What the stack's outputs say: ARNs of the workflows, names of the table and the function.

    name: the stack's, which is the installation's in the tags of its resources.
    """

    name: str
    provision: str
    repair: str
    teardown: str
    table: str
    plan_function: str

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str], stack: str) -> Self:
        """Raise Unavailable when this is not Lamplighter's stack."""
        try:
            return cls(
                name=stack,
                provision=outputs["ProvisionArn"],
                repair=outputs["RepairArn"],
                teardown=outputs["TeardownArn"],
                table=outputs["LedgerTable"],
                plan_function=outputs["PlanFunction"],
            )
        except KeyError as missing:
            raise Unavailable(
                f"the stack {stack!r} has no output {missing}: it is not Lamplighter's, or its "
                "installation has not finished: name another with --stack, or run `make deploy`"
            ) from None

    def verb(self, state_machine: str) -> str:
        """Return provision, repair or teardown for a state machine's ARN."""
        verbs = {self.provision: "provision", self.repair: "repair", self.teardown: "teardown"}
        return verbs.get(state_machine, "workflow")


@dataclass(frozen=True, slots=True)
class Account:
    """One installation in one account and region, or in the local twin.

    poll_seconds: how often to look while something goes on. origins: see lamplighter.origins.
    """

    session: boto3.Session
    installation: Installation
    endpoint: str | None = None
    origins: str | None = None
    poll_seconds: float = 1.0

    @property
    def place(self) -> str:
        """Say where the installation is: account and region, or the local twin."""
        if self.endpoint:
            return f"the local twin at {self.endpoint}"
        _, _, _, region, account, *_ = self.installation.provision.split(":")
        return f"account {account}, region {region}"

    def states(self) -> SFNClient:
        return self.session.client(
            "stepfunctions", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )

    def functions(self) -> LambdaClient:
        return self.session.client(
            "lambda", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )

    def parameters(self) -> SSMClient:
        return self.session.client("ssm", endpoint_url=self.endpoint, config=_config(self.endpoint))

    def ledger(self) -> Table:
        resource = self.session.resource(
            "dynamodb", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )
        return resource.Table(self.installation.table)


def connect(
    stack: str, region: str | None, environment: Mapping[str, str], profile: str | None = None
) -> Account:
    """Return the account with this stack; raise Unavailable when the stack is not there.

    environment: the local twin's variables (AWS_ENDPOINT_URL, keys, origins); empty for AWS,
    where boto3 finds its own.
    """
    session = open_session(region, environment, profile)
    endpoint = environment.get("AWS_ENDPOINT_URL")
    installation = Installation.from_outputs(_outputs(session, endpoint, stack), stack)
    return Account(
        session=session,
        installation=installation,
        endpoint=endpoint,
        origins=environment.get(ORIGINS),
        poll_seconds=0.25 if endpoint else 1.0,
    )


def open_session(
    region: str | None, environment: Mapping[str, str], profile: str | None = None
) -> boto3.Session:
    """Return a session for AWS, or for the twin whose environment this is.

    Region as in the AWS SDKs: the one named, AWS_REGION, AWS_DEFAULT_REGION, the profile's
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html). boto3 does not read
    AWS_REGION.
    """
    if not environment:
        named = region or os.environ.get("AWS_REGION") or None
        return boto3.Session(region_name=named, profile_name=profile)
    os.environ.pop("AWS_PROFILE", None)  # the caller's own need not exist
    return boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        region_name=region or environment.get("AWS_DEFAULT_REGION") or None,
    )


def explain(error: Exception) -> Unavailable:
    """Return what AWS's or botocore's error means to the operator: what, which, what to do."""
    return Unavailable(_sentence(error), name=code(error) or type(error).__name__)


def _config(endpoint: str | None) -> Config:
    # The twin is on loopback: a proxy of the environment has no business in between.
    proxies: dict[str, str] | None = {} if endpoint else None
    return Config(
        connect_timeout=5,
        read_timeout=70,  # a plan may take a Lambda's whole minute
        retries={"mode": "standard", "total_max_attempts": 3},
        proxies=proxies,
        user_agent_extra="lamplighter-cli",
    )


def _outputs(session: boto3.Session, endpoint: str | None, stack: str) -> dict[str, str]:
    client = session.client("cloudformation", endpoint_url=endpoint, config=_config(endpoint))
    try:
        [found] = client.describe_stacks(StackName=stack)["Stacks"]
    except aws_errors.ClientError as error:
        if code(error) != "ValidationError":
            raise
        raise Unavailable(
            f"Lamplighter is not installed here: region {session.region_name} of this account has "
            f"no stack {stack!r}: run `make deploy`, or choose with --region and --stack"
        ) from None
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def code(error: Exception) -> str:
    """Return AWS's error code; empty for an error that AWS did not send."""
    return error.response["Error"]["Code"] if isinstance(error, aws_errors.ClientError) else ""


def _sentence(error: Exception) -> str:
    match error:
        case aws_errors.ClientError():
            return _refusal(error)
        case aws_errors.NoRegionError():
            return "no AWS region is set: pass --region, or set AWS_REGION"
        case aws_errors.ProfileNotFound():
            return (
                f"{error}: name another with --profile or AWS_PROFILE "
                "(`aws configure list-profiles`), or run `aws configure`"
            )
        case aws_errors.HTTPClientError() | aws_errors.ConnectionError():
            return f"AWS is not reachable: {error}: check the network, --region and proxy settings"
    return _of_the_client(error)


def _of_the_client(error: Exception) -> str:
    match error:
        case aws_errors.NoCredentialsError() | aws_errors.PartialCredentialsError():
            return f"no usable AWS credentials were found: {_LOG_IN}"
        case aws_errors.MissingDependencyException():
            return (
                "these credentials come from `aws login`, which needs the Python package awscrt: "
                "run `pip install 'boto3[crt]'` in Lamplighter's environment"
            )
        case aws_errors.LoginInsufficientPermissions():
            return f"the AWS login may not be used: {error}"
        case aws_errors.LoginError():
            return "the AWS login has ended: run `aws login`"
        case aws_errors.SSOError() | aws_errors.TokenRetrievalError():
            return f"the AWS login has ended: {_LOG_IN}"
    return f"the AWS client failed: {error}"


def _refusal(error: aws_errors.ClientError) -> str:
    message, refusal = error.response["Error"].get("Message", ""), code(error)
    if refusal in NOT_ALLOWED:
        return f"AWS does not allow {error.operation_name} to these credentials: {message}"
    if refusal in _NOT_KNOWN:
        return f"AWS does not accept these credentials ({refusal}): {_LOG_IN}"
    return f"AWS refused {error.operation_name} ({refusal}): {message}"
