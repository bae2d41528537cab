"""The only place that builds boto3 clients: one per service, on first use, kept while warm.

Retries are chosen here. `standard` with 4 attempts for what may be repeated; exactly one attempt
for creations that AWS cannot deduplicate (VPC, internet gateway, Elastic IP) and for RunInstances
(a retried capacity error only costs time): the workflow retries those, after looking first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from orchestrator.aws import internet
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

_PATIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
)
# Notices: what waits for them waits for ten seconds at most.
_BRIEF = Config(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=3
)
_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=25)


class Clients:
    """AWS, the installation's settings, the clock and the internet, as the steps receive them."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        fetch: Callable[[str], internet.Document] = internet.fetch,
    ) -> None:
        self.settings = settings
        self.now = now
        self.fetch = fetch

    @cached_property
    def acm(self) -> Any:  # the development environment has no types of it
        return boto3.client("acm", config=_PATIENT)

    @cached_property
    def apigateway(self) -> Any:  # the development environment has no types of it
        """API Gateway's version 2: that of HTTP APIs."""
        return boto3.client("apigatewayv2", config=_PATIENT)

    @cached_property
    def cloudwatch(self) -> Any:  # the development environment has no types of it
        return boto3.client("cloudwatch", config=_PATIENT)

    @cached_property
    def codebuild(self) -> CodeBuildClient:
        return boto3.client("codebuild", config=_PATIENT)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return boto3.client("dynamodb", config=_PATIENT)

    @cached_property
    def ec2(self) -> EC2Client:
        return boto3.client("ec2", config=_PATIENT)

    @cached_property
    def ec2_once(self) -> EC2Client:
        """EC2 without retries, for what must not happen twice."""
        return boto3.client("ec2", config=_ONCE)

    @cached_property
    def ecr(self) -> ECRClient:
        return boto3.client("ecr", config=_PATIENT)

    @cached_property
    def pricing(self) -> Any:  # the development environment has no types of it
        """The price list of every region; it is asked in few of them."""
        return boto3.client("pricing", region_name="us-east-1", config=_PATIENT)

    @cached_property
    def quotas(self) -> Any:  # the development environment has no types of it
        return boto3.client("service-quotas", config=_PATIENT)

    @cached_property
    def iam(self) -> IAMClient:
        return boto3.client("iam", config=_PATIENT)

    @cached_property
    def route53(self) -> Route53Client:
        return boto3.client("route53", config=_PATIENT)

    @cached_property
    def s3(self) -> S3Client:
        return boto3.client("s3", config=_PATIENT)

    @cached_property
    def scheduler(self) -> Any:  # the development environment has no types of it
        return boto3.client("scheduler", config=_PATIENT)

    @cached_property
    def sfn(self) -> SFNClient:
        return boto3.client("stepfunctions", config=_PATIENT)

    @cached_property
    def sns(self) -> Any:  # the development environment has no types of it
        return boto3.client("sns", config=_BRIEF)

    @cached_property
    def ssm(self) -> SSMClient:
        return boto3.client("ssm", config=_PATIENT)

    @cached_property
    def sts(self) -> STSClient:
        return boto3.client("sts", config=_PATIENT)
