# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""The services that the strict AWS answers for: EC2, ECR, Route 53, ACM, API
Gateway, IAM, quotas, prices.

ministack hands their calls over, wherever they come from (HTTP, or a task of Step Functions).
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import ministack.app
from ministack.core import router
from ministack.core.responses import get_account_id
from ministack.services import stepfunctions
from twin.emulator.pinned import require
from twin.emulator.strict_process import ACCOUNT, Answer, StrictProcess

# What ministack does not know at all it must recognize: by the start of X-Amz-Target.
_TARGETS = {"servicequotas": "ServiceQuotasV20190624.", "pricing": "AWSPriceListService."}
_SIGNED = {"service-quotas": "servicequotas", "apigatewayv2": "apigateway"}


def install(process: StrictProcess, announce: Callable[[dict[str, Any]], None]) -> None:
    """announce: called with each thing that becomes of an instance."""
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

    def listen() -> None:
        for change in process.changes():
            announce(change)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(listen,), daemon=True).start()
