"""The installation's settings, which template.yaml puts into every function's environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.errors import OrchestratorError


@dataclass(frozen=True, slots=True)
class Settings:
    """Names and limits of this installation; every function gets the same ones.

    installation: the stack's name; with a deployment's name it identifies a resource's owner.
    partition: `aws`, `aws-cn` or `aws-us-gov`, as ARNs begin.
    settle_seconds: how long a change at AWS may stay invisible, to a search or to IAM.
    step_seconds: the Lambda timeout; a step whose workflow died may act for that long.
    image_owners: whose images an instance may boot, besides this account's own: account ids, or
    the aliases `amazon` and `aws-marketplace`.
    host_boundary: ARN of the permissions boundary of every host's role.
    earlier_profile: the instance profile that the hosts of the previous version share.
    host_silence_seconds: a host that is waited for and silent for so long has failed.
    notice_topic: ARN of the SNS topic that people are notified by.
    schedule_group: the name of the group in which EventBridge Scheduler has our schedules.
    scheduler_role: ARN of the role with which they start workflows; dead_letters: ARN of the queue
    for what they could not start.
    wake_api: the id of the HTTP API through which endpoints' own names reach the waker.
    """

    installation: str
    partition: str
    region: str
    account: str
    ledger_table: str
    event_bus: str
    host_boundary: str
    earlier_profile: str
    image_project: str
    repair_machine: str
    payload: Path
    image_owners: tuple[str, ...]
    settle_seconds: float
    step_seconds: float
    host_silence_seconds: float
    notice_topic: str = ""
    stop_machine: str = ""
    start_machine: str = ""
    teardown_machine: str = ""
    provision_machine: str = ""
    schedule_group: str = ""
    scheduler_role: str = ""
    dead_letters: str = ""
    wake_api: str = ""

    @classmethod
    def from_env(cls) -> Self:
        """Raise OrchestratorError naming the variable that the template forgot."""
        try:
            return cls(
                installation=os.environ["INSTALLATION"],
                partition=os.environ["PARTITION"],
                region=os.environ["AWS_REGION"],
                account=os.environ["ACCOUNT_ID"],
                ledger_table=os.environ["LEDGER_TABLE"],
                event_bus=os.environ["EVENT_BUS"],
                host_boundary=os.environ["HOST_BOUNDARY"],
                earlier_profile=os.environ["EARLIER_PROFILE"],
                image_project=os.environ["IMAGE_PROJECT"],
                repair_machine=os.environ.get("REPAIR_MACHINE", ""),
                payload=Path(os.environ["PAYLOAD"]),
                image_owners=tuple(os.environ["IMAGE_OWNERS"].split(",")),
                settle_seconds=float(os.environ["SETTLE_SECONDS"]),
                step_seconds=float(os.environ["STEP_SECONDS"]),
                host_silence_seconds=float(os.environ["HOST_SILENCE_SECONDS"]),
                notice_topic=os.environ["NOTICE_TOPIC"],
                stop_machine=os.environ.get("STOP_MACHINE", ""),
                start_machine=os.environ.get("START_MACHINE", ""),
                teardown_machine=os.environ.get("TEARDOWN_MACHINE", ""),
                provision_machine=os.environ.get("PROVISION_MACHINE", ""),
                schedule_group=os.environ["SCHEDULE_GROUP"],
                scheduler_role=os.environ.get("SCHEDULER_ROLE", ""),
                dead_letters=os.environ.get("DEAD_LETTERS", ""),
                wake_api=os.environ.get("WAKE_API", ""),
            )
        except KeyError as missing:
            raise OrchestratorError(
                f"the function's environment lacks {missing}: set it under Globals in template.yaml"
            ) from None
