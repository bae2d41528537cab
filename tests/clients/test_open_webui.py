"""Open WebUI's requests: the list of models, chats, tools, a title, embeddings, and refusals."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clients import answers
from clients.open_webui import USER, OpenWebUI, Refused

if TYPE_CHECKING:
    from clients.lab import Lab

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.fixture
def ui(lab: Lab) -> OpenWebUI:
    return OpenWebUI(f"{lab.url}/v1", lab.key)


def asked(text: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"stream": stream, "model": "tiny", "messages": messages} | more


def test_the_models_are_listed_to_choose_from(ui: OpenWebUI) -> None:
    assert asyncio.run(ui.models()) == list(answers.MODELS)


def test_a_chat_is_streamed_and_who_asks_stays_at_the_gateway(ui: OpenWebUI, lab: Lab) -> None:
    identity = uuid.uuid4().hex
    payload = asked(f"Hi [lab:{identity} well]", stream_options={"include_usage": True})

    deltas = asyncio.run(ui.streamed(payload))

    assert "".join(delta.get("content") or "" for delta in deltas) == answers.TEXT
    [call] = lab.calls(identity)
    seen = json.dumps(call)
    assert [private for private in (lab.key, *USER.values()) if private in seen] == ["user"]


def test_a_tool_is_called_and_its_result_is_answered(ui: OpenWebUI) -> None:
    first = asked("Weather?", tools=[TOOL])

    calls = [call for d in asyncio.run(ui.streamed(first)) for call in d.get("tool_calls", ())]

    arguments = "".join(call["function"].get("arguments", "") for call in calls)
    assert json.loads(arguments) == {"city": "Paris"}
    function = {"name": calls[0]["function"]["name"], "arguments": arguments}
    called = {"id": calls[0]["id"], "type": "function", "function": function}
    turns = [
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"},
    ]
    deltas = asyncio.run(ui.streamed(first | {"messages": first["messages"] + turns}))
    assert "".join(delta.get("content") or "" for delta in deltas) == answers.TEXT


def test_a_title_comes_whole(ui: OpenWebUI) -> None:
    payload = asked("Write a title", stream=False, max_tokens=1000)

    assert asyncio.run(ui.whole(payload)) == answers.TEXT


def test_documents_are_embedded(ui: OpenWebUI) -> None:
    vectors = asyncio.run(ui.embedded("tiny", ["one", "two"]))

    assert vectors == [list(answers.VECTOR)] * 2


def test_a_key_that_is_not_known_is_shown_with_its_reason(ui: OpenWebUI) -> None:
    with pytest.raises(Refused) as caught:
        asyncio.run(replace(ui, key="sk-unknown").models())

    assert caught.value.status == 401
    assert caught.value.body["error"]["message"] == "The API key is not known here."


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_is_too_long_is_shown_with_the_engines_words(
    ui: OpenWebUI, *, stream: bool
) -> None:
    payload = asked("Hi [lab:1 refuse]", stream=stream)

    with pytest.raises(Refused) as caught:
        asyncio.run(ui.streamed(payload) if stream else ui.whole(payload))

    assert caught.value.status == 400
    assert "4096 tokens" in caught.value.body["error"]["message"]
