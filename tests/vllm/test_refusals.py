"""What a real engine refuses, and what never gets as far as the engine."""

from __future__ import annotations

from typing import Any

import pytest
from openai import BadRequestError, NotFoundError
from patience import eventually
from vllmlab.asking import SAID, chat
from vllmlab.engine import Engine
from vllmlab.gate import Gate

TOO_LONG = "the model " * 8000

# vLLM answers these, most of them without a key.
ADMIN = (
    "/sleep", "/wake_up", "/invocations", "/load", "/ping", "/scale_elastic_ep",
    "/is_scaling_elastic_ep", "/generative_scoring", "/kv_event_sources", "/adapters",
    "/v1/load_lora_adapter", "/v1/audio/speech", "//v1/models", "/v1/../load",
)  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
def test_an_unknown_model_is_told_without_the_names_of_others(door: Gate, path: str) -> None:
    body = {"model": "nope", "messages": SAID, "prompt": "x", "input": "x"}

    refused = door.post(path, body)

    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "model_not_found"
    assert "tiny" not in refused.text


def test_a_model_that_only_the_settings_know_is_told_without_the_names_of_others(
    engine: Engine, narrow: Gate
) -> None:
    chats = narrow.post("/v1/chat/completions", chat(model="ghost"))
    message = narrow.post("/v1/messages", chat(model="ghost"))

    assert [chats.status_code, message.status_code] == [404, 404]
    assert message.json()["error"]["type"] == "not_found_error"
    assert "tiny" not in chats.text + message.text


def test_the_sdk_raises_what_it_raises_with_openai(door: Gate) -> None:
    with pytest.raises(NotFoundError):
        door.openai.chat.completions.create(model="nope", messages=SAID)
    with pytest.raises(BadRequestError, match="temperature") as refused:
        door.openai.chat.completions.create(model="tiny", messages=SAID, temperature=9)
    assert refused.value.param == "temperature"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": TOO_LONG}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": TOO_LONG}]}),
        ("/v1/responses", {"input": TOO_LONG}),
        ("/v1/chat/completions", {"messages": SAID, "max_tokens": 20_000}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_too_long_a_context_is_refused_with_the_maximum(
    door: Gate, path: str, body: dict[str, Any], *, stream: bool
) -> None:
    refused = door.post(path, {"model": "tiny", "stream": stream, **body})

    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("application/json")
    assert "12288" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "no"},
        {"messages": []},
        {"max_tokens": -1},
        {"temperature": 9},
        {"stream_options": {"include_usage": True}},
        {"logit_bias": {"999999": 1}},
        {"response_format": {"type": "json_schema"}},
        {"tools": [{"type": "function"}]},
        {"tool_choice": "required"},
    ],
    ids=lambda wrong: ",".join(wrong),
)
def test_a_wrong_body_is_refused_in_openais_shape(door: Gate, wrong: dict[str, Any]) -> None:
    refused = door.post("/v1/chat/completions", chat(**wrong))

    told = refused.json()["error"]
    assert refused.status_code == 400
    assert {"message", "type", "param", "code"} == set(told)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_no_endpoint_of_ours_never_reaches_the_engine(
    door: Gate, engine: Engine, method: str
) -> None:
    for path in ADMIN:
        refused = door.client.request(method, f"{door.url}{path}", json={})
        assert (path, refused.status_code) == (path, 404)
        assert refused.json()["error"]["code"]

    door.post("/v1/chat/completions", chat())
    asked = eventually(engine.asked, lambda seen: "/v1/chat/completions" in seen, 5)
    assert not asked & set(ADMIN)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/pooling", "/score", "/v1/rerank"])
def test_what_this_model_cannot_do_is_told_in_openais_shape(door: Gate, path: str) -> None:
    refused = door.post(path, {"model": "tiny", "input": "x"})

    assert refused.status_code == 404
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_audio_is_not_heard_by_a_model_of_text(door: Gate) -> None:
    refused = door.client.post(
        "/v1/audio/transcriptions", data={"model": "tiny"}, files={"file": ("a.wav", b"RIFF")}
    )

    assert refused.status_code == 404
    assert refused.json()["error"]["type"] == "invalid_request_error"
