"""The SAM CLI, run for one stack of one account; and that stack's state in CloudFormation."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import NoCredentialsError

from lamplighter.aws import account, refusals
from lamplighter.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

PROGRAM = Path(sys.executable).parent / "sam"
CONFIG = Path(__file__).resolve().parents[3] / "samconfig.toml"


@dataclass(frozen=True, slots=True)
class State:
    """status: CloudFormation's word, e.g. CREATE_COMPLETE; absent: there is no such stack."""

    status: str = "absent"
    is_protected: bool = False

    @property
    def is_there(self) -> bool:
        return self.status not in {"absent", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"}


@dataclass(frozen=True, slots=True)
class Target:
    """A stack (there or not) in the account and region that the credentials open.

    account: twelve digits. caller: ARN of whose the credentials are. profile: of AWS's own
    configuration; None: whatever is in force.
    """

    stack: str
    region: str
    profile: str | None
    account: str
    caller: str
    session: boto3.Session

    def __str__(self) -> str:
        return f"stack {self.stack!r}, account {self.account}, region {self.region}"

    def state(self) -> State:
        """Return the stack's state in CloudFormation now."""
        try:
            [found] = self._client().describe_stacks(StackName=self.stack)["Stacks"]
        except refusals.AwsError as error:
            if refusals.code(error) != "ValidationError":
                raise
            return State()
        return State(found["StackStatus"], found.get("EnableTerminationProtection", False))

    def protect(self, *, on: bool) -> None:
        """Switch termination protection: while it is on, every deletion is refused as a whole.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
        """
        self._client().update_termination_protection(
            StackName=self.stack, EnableTerminationProtection=on
        )

    def _client(self) -> CloudFormationClient:
        return self.session.client("cloudformation")


def target(stack: str | None, region: str | None, profile: str | None) -> Target:
    """Return where to install, or what to remove: as named, else as in samconfig.toml.

    The region is the first of: the one named, AWS_REGION, AWS_DEFAULT_REGION, samconfig.toml's,
    the profile's. Raises Unavailable, and boto3's errors for credentials that AWS refuses.
    """
    configured = _configured(CONFIG)
    if profile := profile or configured.get("profile"):
        os.environ["AWS_PROFILE"] = profile
    where = region or _region(os.environ) or configured.get("region")
    session = account.open_session(where, {}, profile)
    if lacking := _lacking(session):
        raise Unavailable("\n".join(lacking))
    caller = session.client("sts").get_caller_identity()
    return Target(
        stack=stack or str(configured["stack_name"]),
        region=str(session.region_name),
        profile=profile,
        account=caller["Account"],
        caller=caller["Arn"],
        session=session,
    )


def run(found: Target, *words: str, environment: Mapping[str, str] = os.environ) -> int:
    """Run sam on this terminal; return its exit status.

    sam reads neither AWS_REGION nor our options: it is given what was resolved here.
    """
    place = ["--region", found.region]
    if found.profile:
        place += ["--profile", found.profile]
    done = subprocess.run(  # noqa: S603 -- the pinned sam of this environment
        [str(PROGRAM), *words, *place],
        cwd=CONFIG.parent,
        env={**environment, "SAM_CLI_TELEMETRY": "0"},
        check=False,
    )
    return done.returncode


def _lacking(session: boto3.Session) -> list[str]:
    sentences = []
    if session.get_credentials() is None:
        sentences.append(str(refusals.explain(NoCredentialsError())))
    if not session.region_name:
        sentences.append("no AWS region is set: set AWS_REGION, e.g. AWS_REGION=eu-central-1")
    return sentences


def _region(environment: Mapping[str, str]) -> str | None:
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")


def _configured(file: Path) -> dict[str, Any]:
    """Return the parameters that samconfig.toml has for `sam deploy`."""
    with file.open("rb") as config:
        default = tomllib.load(config)["default"]
    parts = [default.get(part, {}).get("parameters", {}) for part in ("global", "deploy")]
    return {name: value for part in parts for name, value in part.items()}
