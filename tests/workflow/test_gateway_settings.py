"""The gateway's settings change on a host that serves, which is neither replaced nor restarted."""

from __future__ import annotations

import httpx
import pytest
from patience import eventually
from twinlab import Installation

from workflow.conftest import SPEC

ORIGIN = "https://chat.example.com"


def asked(aws, model, **headers):
    return httpx.post(
        f"{aws.origin('alpha')}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "hello"}]},
        headers={"Authorization": f"Bearer {aws.api_key('alpha')}", **headers},
    )


@pytest.mark.twin
def test_settings_of_the_gateway_are_changed_while_it_serves(live, asking):
    aws, before = live
    assert isinstance(aws, Installation)
    client = asking("alpha")
    eventually(client.answers, bool, 60)
    assert asked(aws, "gpt-4o").status_code == 404
    gateway = {"aliases": {"gpt-4o": "m"}, "cors_origins": [ORIGIN], "max_output_tokens": 5}

    with aws.counted() as calls:
        after = aws.up(**SPEC, gateway=gateway)

    answer = eventually(lambda: asked(aws, "gpt-4o", Origin=ORIGIN), lambda a: a.is_success, 30)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert after["instance_id"] == before["instance_id"]
    assert calls == ["s3.PutObject"]
    assert set(client.stop()) == {200}


@pytest.mark.twin
def test_a_fallback_whose_key_is_not_there_is_refused_before_anything_changes(live):
    aws, _ = live
    fallback = {"url": "https://llm.example.com/v1", "key_parameter": "/inference/none"}

    ended = aws.run("provision", {**SPEC, "gateway": {"fallbacks": [fallback]}})

    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest")
    assert "gateway.fallbacks[0].key_parameter: there is no SSM parameter" in ended["cause"]
    aws.ask("alpha")
