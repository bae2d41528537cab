"""What `lamplighter local break` asks of the account itself, and no call of AWS's could.

POST /_twin/fail-check {"instance": ID, "check": NAME}: see awssim.server.endpoint.
"""

from __future__ import annotations

import asyncio
from typing import Any

from twin.emulator.middleware import App, Receive, Send, read
from twin.emulator.strict_process import StrictProcess

FAIL_CHECK = "/_twin/fail-check"


def around(app: App, strict: StrictProcess) -> App:
    async def switched(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != FAIL_CHECK:
            await app(scope, receive, send)
            return
        body, _ = await read(receive)
        status, _, _ = await asyncio.to_thread(strict.call, "POST", "/_awssim/fail-check", {}, body)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return switched
