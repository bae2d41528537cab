"""A deployment falls asleep, and a request at the function's URL wakes it."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from patience import eventually

pytestmark = pytest.mark.twin


def ask(aws, key):
    """Return the waker's answer, as its public URL gives it; the twin has no such names."""
    url_id = str(urlsplit(aws.outputs["WakeUrl"]).hostname).partition(".")[0]
    return httpx.post(
        f"{aws.twin.endpoint}/_aws/lambda-url/{url_id}/alpha/v1/chat/completions",
        json={"messages": [{"role": "user", "content": "hello"}]},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )


def test_a_request_with_a_key_wakes_what_sleeps(live):
    aws, before = live
    key = aws.api_key("alpha")
    asleep = aws.run("stop", {"name": "alpha", "sleep": True, "asked_by": "alice"})
    assert (asleep["status"], asleep["output"]["outcome"]) == ("SUCCEEDED", "asleep")

    assert ask(aws, f"{key}x").status_code == 401
    assert aws.deployment("alpha")["desired"] == "asleep"
    answer = ask(aws, key)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "asleep")
    assert int(answer.headers["retry-after"]) <= 60
    assert int(answer.headers["x-lamplighter-eta-seconds"]) > 0
    eventually(lambda: aws.deployment("alpha")["status"], lambda now: now == "serving", 60)
    assert aws.deployment("alpha")["endpoint"] == before["endpoint"]
    assert "stub engine" in aws.ask("alpha")
    aws.quiet()
    assert ask(aws, key).status_code == 421
