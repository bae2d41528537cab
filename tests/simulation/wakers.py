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


def ask(world: World, key: str, host: str | None = None) -> tuple[int, dict[str, Any]]:
    """Return the status of the answer, and its error with its headers.

    host: the endpoint's own name, if it is asked by that one.
    """
    path = "/v1/chat/completions" if host else "/demo/v1/chat/completions"
    context = {
        "http": {"method": "POST", "path": path, "sourceIp": "192.0.2.7"},
        "domainName": host or "abc.lambda-url.us-east-1.on.aws",
    }
    event = {"requestContext": context, "headers": {"authorization": f"Bearer {key}"}}
    [arn] = [each for each in world.stack.functions if each.endswith(":WakerFunction")]
    answer = world._functions.invoke(arn, event)
    return answer["statusCode"], json.loads(answer["body"])["error"] | answer["headers"]
