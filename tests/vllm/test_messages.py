"""Anthropic's Messages API, which vLLM serves itself."""

from __future__ import annotations

import json
from typing import Any

from vllmlab.asking import SAID
from vllmlab.gate import Gate


def message(**more: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": SAID, "max_tokens": 5, **more}


def test_a_message_is_answered_and_counted(door: Gate) -> None:
    before = door.metric("tokens_total", type="output")

    told = door.post("/v1/messages", message()).json()

    assert (told["type"], told["role"]) == ("message", "assistant")
    assert told["stop_reason"] in {"max_tokens", "end_turn"}
    counted = door.metric("tokens_total", type="output") - before
    assert counted == told["usage"]["output_tokens"]


def test_the_key_may_come_in_anthropics_header(door: Gate) -> None:
    key = door.client.headers["authorization"].removeprefix("Bearer ")
    headers = {"authorization": "", "x-api-key": key, "anthropic-version": "2023-06-01"}
    del headers["authorization"]
    request = door.client.build_request("POST", "/v1/messages", json=message(), headers=headers)
    del request.headers["authorization"]

    assert door.client.send(request).status_code == 200


def test_a_streamed_message_ends_with_its_last_event(door: Gate) -> None:
    before = door.metric("tokens_total", type="output")

    with door.client.stream("POST", "/v1/messages", json=message(stream=True)) as stream:
        lines = [line for line in stream.iter_lines() if line]

    events = [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    assert events[0]["type"] == "message_start"
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert lines[-2] == "event: message_stop"
    counted = door.metric("tokens_total", type="output") - before
    assert counted == events[-2]["usage"]["output_tokens"]


def test_tokens_are_counted_without_an_answer(door: Gate) -> None:
    asked = door.post("/v1/messages/count_tokens", message())

    assert asked.json()["input_tokens"] > 5


def test_what_the_engine_refuses_is_told_in_anthropics_shape(door: Gate) -> None:
    wrong = door.post("/v1/messages", message(messages="no"))
    long = door.post("/v1/messages", message(max_tokens=20_000))

    for refused in (wrong, long):
        told = refused.json()
        assert refused.status_code == 400
        assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error")
        assert told["request_id"] == refused.headers["x-request-id"]
    assert "max_model_len=12288" in long.json()["error"]["message"]
