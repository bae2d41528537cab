"""The account: the only place that builds boto3 clients; reads the stack's outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lamplighter.aws.origins import VARIABLE as ORIGINS
from lamplighter.aws.refusals import AwsError, code
from lamplighter.errors import Unavailable, failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class Installation:
    """The stack's outputs: ARNs of the workflows, names of the table and the functions.

    name: the stack's, which is the installation's in the tags of its resources. wake_url: where
    requests wake what sleeps. stop, start, inventory_function, maintenance_function,
    notice_function, wake_url, release (of Lamplighter): empty where an earlier version is
    installed.
    """

    name: str
    provision: str
    repair: str
    teardown: str
    table: str
    plan_function: str
    stop: str = ""
    start: str = ""
    inventory_function: str = ""
    maintenance_function: str = ""
    notice_function: str = ""
    wake_url: str = ""
    release: str = ""

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
                stop=outputs.get("StopArn", ""),
                start=outputs.get("StartArn", ""),
                inventory_function=outputs.get("InventoryFunction", ""),
                maintenance_function=outputs.get("MaintenanceFunction", ""),
                notice_function=outputs.get("NoticeFunction", ""),
                wake_url=outputs.get("WakeUrl", ""),
                release=outputs.get("Release", ""),
            )
        except KeyError as missing:
            raise Unavailable(
                f"the stack {stack!r} has no output {missing}: it is not Lamplighter's, or its "
                "installation has not finished: name another with --stack, or run `make deploy`"
            ) from None

    def verb(self, state_machine: str) -> str:
        """Return provision, repair, stop, start or teardown for a state machine's ARN."""
        verbs = ("provision", "repair", "stop", "start", "teardown")
        named = {getattr(self, verb): verb for verb in verbs}
        return named.get(state_machine, "workflow")


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
        """The installation's location for messages: account and region, or the local twin."""
        if self.endpoint:
            return f"the local twin at {self.endpoint}"
        region, account = self._located()
        return f"account {account}, region {region}"

    def bucket(self, name: str) -> str:
        """Return the name of the deployment's bucket."""
        region, account = self._located()
        return f"lamplighter-{name}-{account}-{region}"

    def _located(self) -> tuple[str, str]:
        _, _, _, region, account, *_ = self.installation.provision.split(":")
        return region, account

    def states(self) -> SFNClient:
        return self.session.client(
            "stepfunctions", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )

    def functions(self) -> LambdaClient:
        return self.session.client(
            "lambda", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a function of the installation answers; raise its error."""
        answer = self.functions().invoke(FunctionName=function, Payload=json.dumps(event))
        payload = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise failure(answer["FunctionError"], payload)
        answered: dict[str, Any] = json.loads(payload)
        return answered

    def caller(self) -> str:
        """Return the ARN of whose credentials these are; empty where AWS does not say."""
        client = self.session.client(
            "sts", endpoint_url=self.endpoint, config=_config(self.endpoint)
        )
        try:
            return client.get_caller_identity()["Arn"]
        except AwsError:
            return ""

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
    except ClientError as error:
        if code(error) != "ValidationError":
            raise
        raise Unavailable(
            f"Lamplighter is not installed here: region {session.region_name} of this account has "
            f"no stack {stack!r}: run `make deploy`, or choose with --region and --stack"
        ) from None
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
