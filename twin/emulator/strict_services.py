# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""The services that the strict AWS answers for: EC2, ECR, Route 53, ACM, IAM, quotas, prices.

ministack hands their calls over, wherever they come from (HTTP, or a task of Step Functions), and
tells EventBridge what becomes of instances.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from typing import Any
from urllib.parse import urlencode

import ministack.app
from ministack.core import router
from ministack.core.responses import get_account_id
from ministack.services import eventbridge, stepfunctions
from twin.emulator.pinned import require
from twin.emulator.strict_process import ACCOUNT, REGION, Answer, StrictProcess

# What ministack does not know at all it must recognize: by the start of X-Amz-Target.
_TARGETS = {"servicequotas": "ServiceQuotasV20190624.", "pricing": "AWSPriceListService."}
_SIGNED = {"service-quotas": "servicequotas"}


def install(process: StrictProcess) -> None:
    require(holds=isinstance(ministack.app.SERVICE_HANDLERS, dict), fix="strict services")
    require(holds="ec2" in stepfunctions._AWS_SDK_SERVICE_MAP, fix="strict services")
    require(holds=get_account_id() == ACCOUNT, fix="strict services")

    async def hand_over(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return await asyncio.to_thread(process.call, method, target, headers, body)

    for service in process.known.services:
        name = _SIGNED.get(service, service)
        if name in _TARGETS:
            router.SERVICE_PATTERNS[name] = {"target_prefixes": [_TARGETS[name]]}
        ministack.app.SERVICE_HANDLERS[name] = hand_over
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_announce_changes, process), daemon=True).start()


def _announce_changes(process: StrictProcess) -> None:
    """Until the process ends."""
    for instance, state in process.changes():
        event = {
            "Source": "aws.ec2",
            "DetailType": "EC2 Instance State-change Notification",
            "Detail": json.dumps({"instance-id": instance, "state": state}),
            "Resources": [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}"],
        }
        eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
