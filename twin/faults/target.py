"""What a fault is done to: the twin's account, and the instance that is meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from lamplighter.errors import Unavailable, UnknownDeployment, WrongUsage
from twin.hosts import mailbox
from twin.record import Twin

Clients: TypeAlias = Callable[..., Any]
OWNER = "lamplighter:deployment"
_ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """instance, deployment: empty for a fault of the account. seconds: of --for, None for none.

    check: of --check.
    """

    twin: Twin
    clients: Clients
    instance: str = ""
    deployment: str = ""
    seconds: float | None = None
    check: str = "system"

    def order(self, *words: str) -> None:
        """Give the host a command; raise Unavailable when it cannot be carried out."""
        mail: Path = self.twin.state / "hosts" / self.instance / "mail"
        try:
            answer = mailbox.send(mail, words, _ANSWER_SECONDS)
        except mailbox.Silence as error:
            raise Unavailable(
                f"the host of {self.instance} does not answer ({error}): see `lamplighter local "
                "status`, and try again when it is on"
            ) from error
        if answer.status:
            raise Unavailable(f"{answer.err.strip()}: try again when the host is on")


def instance_of(ec2: Any, deployment: str | None) -> tuple[str, str]:
    """Return the id and the deployment of the one running instance that is meant.

    Raises UnknownDeployment when there is none, WrongUsage when there are several.
    """
    running = list(_running(ec2))
    owners = sorted({owner for owner, _ in running})
    if not owners:
        raise UnknownDeployment(
            "no deployment has a running instance: run `lamplighter --local up examples/demo.yaml`"
        )
    if deployment and deployment not in owners:
        raise UnknownDeployment(
            f"{deployment!r} has no running instance, these have: {', '.join(owners)}"
        )
    found = [each for each in running if deployment in {None, each[0]}]
    if len(found) > 1:
        raise WrongUsage(_several(running, owners))
    [(owner, instance)] = found
    return instance, owner


def _several(running: Sequence[tuple[str, str]], owners: Sequence[str]) -> str:
    named = ", ".join(f"{instance} of {owner}" for owner, instance in running)
    return (
        f"several instances run ({named}): choose with --deployment, e.g. --deployment {owners[0]}"
    )


def _running(ec2: Any) -> Iterator[tuple[str, str]]:
    """Yield deployment and id of each running instance."""
    filters = [
        {"Name": "instance-state-name", "Values": ["running"]},
        {"Name": "tag-key", "Values": [OWNER]},
    ]
    for reservation in ec2.describe_instances(Filters=filters)["Reservations"]:
        for each in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            yield tags[OWNER], each["InstanceId"]


def clients_of(environment: Mapping[str, str]) -> Clients:
    """Builds clients for the twin only: every address and key is the twin's, no profile counts."""
    os.environ.pop("AWS_PROFILE", None)
    return partial(
        _client,
        environment["AWS_ENDPOINT_URL"],
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment["AWS_DEFAULT_REGION"],
    )


@cache
def _client(endpoint: str, key: str, secret: str, region: str, service: str) -> Any:
    """Built once: EC2's costs half a second of CPU."""
    quick = Config(retries={"total_max_attempts": 2}, read_timeout=20, proxies={})
    session = boto3.Session(key, secret, region_name=region)
    return session.client(service, endpoint_url=endpoint, config=quick)  # type: ignore[call-overload]
