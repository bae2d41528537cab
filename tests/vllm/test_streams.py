"""Streams of a real engine, and what the gateway counts of them unseen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vllmlab.asking import SAID, chat
from vllmlab.gate import Gate

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": SAID},
    "/v1/completions": {"prompt": "the"},
}


def events(door: Gate, path: str, **more: Any) -> list[str]:
    body = {"model": "tiny", "max_tokens": 9, "ignore_eos": True, "stream": True} | more
    with door.client.stream("POST", path, json=BODIES[path] | body) as stream:
        assert stream.status_code == 200
        text = "".join(stream.iter_text())
    assert text.endswith("data: [DONE]\n\n")
    return [event.removeprefix("data: ") for event in text.split("\n\n")[:-2]]


@pytest.mark.parametrize("path", BODIES)
def test_a_stream_is_counted_without_a_trace(door: Gate, path: str) -> None:
    before = door.metric("tokens_total", type="output", key="alice")

    chunks = [json.loads(event) for event in events(door, path)]

    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert door.metric("tokens_total", type="output", key="alice") - before == 9


@pytest.mark.parametrize("path", BODIES)
def test_usage_that_was_asked_for_comes_last(door: Gate, path: str) -> None:
    before = door.metric("tokens_total", type="output")

    chunks = [json.loads(e) for e in events(door, path, stream_options={"include_usage": True})]

    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 9
    assert door.metric("tokens_total", type="output") - before == 9


def test_other_stream_options_are_kept_beside_ours(door: Gate) -> None:
    asked = {"include_usage": False, "continuous_usage_stats": True}

    chunks = [json.loads(e) for e in events(door, "/v1/chat/completions", stream_options=asked)]

    assert all(chunk["choices"] for chunk in chunks)


def test_two_choices_stream_side_by_side(door: Gate) -> None:
    stream = door.openai.chat.completions.create(
        model="tiny", messages=SAID, n=2, max_tokens=5, stream=True, logprobs=True,
        extra_body={"ignore_eos": True},
    )  # fmt: skip
    chunks = list(stream)

    ended = {c.index: c.finish_reason for each in chunks for c in each.choices if c.finish_reason}
    assert ended == {0: "length", 1: "length"}
    assert any(c.logprobs and c.logprobs.content for each in chunks for c in each.choices)


def test_a_long_stream_comes_as_it_is_made(door: Gate) -> None:
    at_first = door.metric("streams_incomplete_total")

    chunks = events(door, "/v1/chat/completions", max_tokens=1500, seed=3, temperature=0.7)
    whole = door.post("/v1/chat/completions", chat(max_tokens=1500, seed=3, temperature=0.7)).json()

    deltas = [json.loads(chunk)["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert len(chunks) > 700
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert door.metric("streams_incomplete_total") == at_first
