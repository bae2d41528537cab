"""Ask the waker's function in a world, as its public URL or the deployment's name does."""

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


def ask(world: World, key: str, *, by_name: bool = False) -> tuple[int, dict[str, Any]]:
    """Return the status and the error of the answer; by_name: of API Gateway's event."""
    path = "/v1/chat/completions" if by_name else "/demo/v1/chat/completions"
    event = {
        "requestContext": {"http": {"method": "POST", "path": path, "sourceIp": "192.0.2.7"}},
        "headers": {"authorization": f"Bearer {key}"},
    }
    if by_name:
        event["stageVariables"] = {"deployment": "demo"}
    [arn] = [each for each in world.stack.functions if each.endswith(":WakerFunction")]
    answer = world._functions.invoke(arn, event)
    return answer["statusCode"], json.loads(answer["body"])["error"] | answer["headers"]
