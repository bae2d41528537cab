"""Ask the waker's function in a world, as its public URL does."""

from __future__ import annotations

import json
from typing import Any

from simlab import World


def key_of(world: World) -> str:
    with world.account.uncounted():
        found = world.account.client("ssm").get_parameter(
            Name="/lamplighter/demo/api-key", WithDecryption=True
        )
    return str(found["Parameter"]["Value"])


def ask(world: World, key: str) -> tuple[int, dict[str, Any]]:
    """Return the status of the answer, and its error with its headers."""
    http = {"method": "POST", "path": "/demo/v1/chat/completions", "sourceIp": "192.0.2.7"}
    event = {"requestContext": {"http": http}, "headers": {"authorization": f"Bearer {key}"}}
    [arn] = [each for each in world.stack.functions if each.endswith(":WakerFunction")]
    answer = world._functions.invoke(arn, event)
    return answer["statusCode"], json.loads(answer["body"])["error"] | answer["headers"]
