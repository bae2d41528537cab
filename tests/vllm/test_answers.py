"""Answers of a real engine, as OpenAI's SDK reads them through the gateway."""

from __future__ import annotations

import json

import httpx
import pytest
from openai import OpenAI
from vllmlab.asking import SAID, chat
from vllmlab.engine import Engine
from vllmlab.gate import ALIAS, Gate

CITY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["city"],
    "properties": {"city": {"enum": ["Paris", "Rome"]}},
}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "w", "parameters": CITY, "strict": True},
}


@pytest.fixture
def openai(door: Gate) -> OpenAI:
    return door.openai


def test_an_answer_is_the_engines_own(door: Gate, engine: Engine) -> None:
    asked = chat(seed=7, temperature=0.5)

    through = door.post("/v1/chat/completions", asked)
    directly = httpx.post(f"{engine.url}/v1/chat/completions", json=asked, timeout=30)

    ours, theirs = through.json(), directly.json()
    assert list(ours) == list(theirs)
    for its_own in ("id", "created"):
        del ours[its_own], theirs[its_own]
    assert ours == theirs


def test_the_request_id_is_one_from_the_client_to_the_engine(door: Gate) -> None:
    asked = door.client.post("/v1/chat/completions", json=chat(), headers={"x-request-id": "r-1"})

    assert asked.headers.get_list("x-request-id") == ["r-1"]
    assert asked.json()["id"] == "chatcmpl-r-1"


def test_two_choices_and_log_probabilities_are_given(openai: OpenAI) -> None:
    asked = openai.chat.completions.create(
        model="tiny", messages=SAID, n=2, max_tokens=3, logprobs=True, top_logprobs=2,
        extra_body={"ignore_eos": True},
    )  # fmt: skip

    assert [choice.index for choice in asked.choices] == [0, 1]
    tokens = asked.choices[1].logprobs.content
    assert len(tokens) == 3
    assert all(token.logprob <= 0 and len(token.top_logprobs) >= 2 for token in tokens)


def test_an_alias_is_answered_by_its_model(openai: OpenAI) -> None:
    asked = openai.chat.completions.create(model=ALIAS, messages=SAID, max_tokens=2)

    assert asked.model == "tiny"


def test_a_schema_is_kept_to(openai: OpenAI) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}

    asked = openai.chat.completions.create(model="tiny", messages=SAID, response_format=wanted)

    assert json.loads(asked.choices[0].message.content)["city"] in {"Paris", "Rome"}


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_demanded_tool_is_called(openai: OpenAI, choice: object) -> None:
    asked = openai.chat.completions.create(
        model="tiny", messages=SAID, tools=[WEATHER], tool_choice=choice, max_tokens=200
    )

    [call] = asked.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}


def test_a_tool_is_called_in_a_stream_too(openai: OpenAI) -> None:
    with openai.chat.completions.stream(
        model="tiny", messages=SAID, tools=[WEATHER], tool_choice="required", max_tokens=200
    ) as stream:
        called = stream.get_final_completion().choices[0].message.tool_calls

    cities = {json.loads(call.function.arguments)["city"] for call in called}
    assert cities
    assert cities <= {"Paris", "Rome"}


def test_a_tool_may_be_left_alone(openai: OpenAI) -> None:
    asked = openai.chat.completions.create(
        model="tiny", messages=SAID, tools=[WEATHER], tool_choice="auto", max_tokens=20
    )

    assert asked.choices[0].finish_reason in {"stop", "length"}


def test_a_conversation_with_a_tools_answer_goes_on(openai: OpenAI) -> None:
    call = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
    told = [
        *SAID,
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 celsius"},
    ]

    asked = openai.chat.completions.create(
        model="tiny", messages=told, tools=[WEATHER], max_tokens=5
    )

    assert asked.usage.prompt_tokens > 100


def test_a_text_is_completed(openai: OpenAI) -> None:
    asked = openai.completions.create(
        model="tiny", prompt=["the", "hello world"], max_tokens=4, extra_body={"ignore_eos": True}
    )

    assert [choice.finish_reason for choice in asked.choices] == ["length", "length"]
    assert asked.usage.completion_tokens == 8


def test_a_text_goes_to_tokens_and_back(door: Gate) -> None:
    text = "what is the capital of france"

    tokens = door.post("/tokenize", {"model": "tiny", "prompt": text}).json()["tokens"]
    back = door.post("/detokenize", {"model": "tiny", "tokens": tokens}).json()

    assert back == {"prompt": text}


def test_the_models_are_the_engines_and_the_aliases(door: Gate, engine: Engine) -> None:
    [theirs] = httpx.get(f"{engine.url}/v1/models", timeout=10).json()["data"]

    listed = {model["id"]: model for model in door.client.get("/v1/models").json()["data"]}
    one = door.openai.models.retrieve("tiny")

    assert set(listed) == {"tiny", ALIAS}
    assert list(listed["tiny"]) == list(theirs)
    assert (one.id, one.max_model_len) == ("tiny", 12288)


def test_the_version_is_both_programs(door: Gate) -> None:
    told = door.client.get("/version").json()

    assert told["version"].startswith("0.")
    assert "proxy_version" in told
