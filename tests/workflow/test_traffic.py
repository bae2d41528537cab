"""What a client sees, on real processes, while a host that serves is replaced or changed."""

from __future__ import annotations

import threading
import time

import openai
import pytest

pytestmark = pytest.mark.twin

BY_FORCE = {"reason": "manual", "force": True}
# The stub speaks one token a second then, and repeats the end of the question.
SLOWLY = "Speak slowly: " + "a b c d e f g h i j " * 8


def stream(aws, name, heard):
    """Read an answer of a minute, token by token."""
    with openai.OpenAI(base_url=f"{aws.origin(name)}/v1", api_key=aws.api_key(name)) as client:
        model = client.models.list().data[0].id
        chunks = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": SLOWLY}], stream=True
        )
        for chunk in chunks:
            heard.append((time.monotonic(), chunk.choices[0].finish_reason))


def test_by_name_no_request_fails_and_a_stream_of_a_minute_on_the_old_host_ends_whole(aws, asking):
    before = aws.up(name="named", model="m", dns={"domain": "demo.test", "ttl_seconds": 5})
    client, heard = asking("named"), []
    streaming = threading.Thread(target=stream, args=(aws, "named", heard))
    streaming.start()
    while not heard:
        time.sleep(0.1)

    ended = aws.ended(aws.start("repair", {"name": "named", **BY_FORCE}), 200)

    streaming.join(120)
    assert ended["status"] == "SUCCEEDED", (ended["error"], ended["cause"])
    assert set(client.stop()) == {200}
    assert heard[-1][1] == "stop"
    assert heard[-1][0] - heard[0][0] > 60
    assert aws.instances("named") == [ended["output"]["instance_id"]]
    assert before["instance_id"] not in aws.instances("named")


def test_another_model_by_name_fails_no_request(aws, asking):
    named = {"domain": "demo.test", "ttl_seconds": 5}
    before = aws.up(name="moved", model="m", dns=named)
    client = asking("moved")

    changed = aws.up(name="moved", model="other", dns=named)

    assert set(client.stop()) == {200}
    assert changed["generation"] == 2
    assert aws.instances("moved") == [changed["instance_id"]] != [before["instance_id"]]
    with openai.OpenAI(base_url=f"{aws.origin('moved')}/v1", api_key=aws.api_key("moved")) as now:
        assert now.models.list().data[0].id == "other"


def test_by_address_only_the_announced_refusals_are_seen(aws, asking):
    before = aws.up(name="bare", model="m")
    client = asking("bare")

    ended = aws.run("repair", {"name": "bare", **BY_FORCE})
    time.sleep(2)
    seen = client.stop()

    assert ended["status"] == "SUCCEEDED", (ended["error"], ended["cause"])
    assert set(seen) <= {200, "host_draining"}, seen
    assert seen["host_draining"] > 0
    assert aws.deployment("bare")["endpoint"] == before["endpoint"]


@pytest.mark.parametrize("spec", [{}, {"dns": {"domain": "demo.test"}}], ids=["address", "name"])
def test_a_new_host_that_never_serves_changes_nothing(aws, asking, spec):
    before = aws.up(name="steady", model="m", **spec)
    client = asking("steady")
    aws.fault("ec2.RunInstances", code="InstanceLimitExceeded", message="none", status=400)

    ended = aws.run("repair", {"name": "steady", **BY_FORCE})

    assert (ended["status"], ended["error"]) == ("FAILED", "Refused")
    assert set(client.stop()) == {200}
    assert aws.deployment("steady")["status"] == "serving"
    assert aws.up(name="steady", model="m", **spec)["instance_id"] == before["instance_id"]
    assert aws.instances("steady") == [before["instance_id"]]
