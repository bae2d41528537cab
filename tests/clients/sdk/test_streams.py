"""Streams as OpenAI's Python client reads them."""

import asyncio
import json
from typing import Any

import openai
import pytest

HI: list[Any] = [{"role": "user", "content": "Hi"}]
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {}}}


def words(chunks: list[Any]) -> list[str]:
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def test_a_chat_is_streamed(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="tiny", messages=HI, stream=True))

    assert words(chunks) == ["", "Hello", " ", "you", None]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_comes_to_those_who_asked_for_it(client: openai.OpenAI) -> None:
    *chunks, last = client.chat.completions.create(
        model="tiny", messages=HI, stream=True, stream_options={"include_usage": True}
    )

    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 10
    assert [chunk.usage for chunk in chunks] == [None] * 5


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_usage_comes_to_nobody_else(client: openai.OpenAI, options: Any) -> None:
    extra = {} if options is None else {"stream_options": options}

    chunks = list(
        client.chat.completions.create(model="tiny", messages=HI, stream=True, extra_body=extra)
    )

    assert [len(chunk.choices) for chunk in chunks] == [1] * 5
    assert not [chunk for chunk in chunks if chunk.usage]


def test_a_tool_call_is_streamed_in_pieces(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="tiny", messages=HI, tools=[TOOL], stream=True)

    chunks = list(stream)

    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert json.loads(arguments) == {"city": "Paris"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_log_probabilities_are_streamed(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="tiny", messages=HI, logprobs=True, stream=True)

    told = [chunk.choices[0].logprobs for chunk in stream]

    assert [entry.token for each in told if each for entry in each.content or []] == [
        "Hello", " ", "you",
    ]  # fmt: skip


def test_a_completion_is_streamed(client: openai.OpenAI) -> None:
    stream = client.completions.create(model="tiny", prompt="Go", stream=True)

    assert [chunk.choices[0].text for chunk in stream] == ["Hello", " ", "you", ""]


def test_a_response_is_streamed_from_created_to_completed(client: openai.OpenAI) -> None:
    events: list[Any] = list(client.responses.create(model="tiny", input="Hi", stream=True))

    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert events[-1].response.output_text == "Hello you"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["Hello", " ", "you"]
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_response_is_accumulated_by_the_clients_own_helper(client: openai.OpenAI) -> None:
    with client.responses.stream(model="tiny", input="Hi") as stream:
        final = stream.get_final_response()

    assert final.output_text == "Hello you"


def test_a_chat_is_accumulated_by_the_clients_own_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="tiny", messages=HI) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.content == "Hello you"


def test_comments_between_the_events_disturb_nobody(client: openai.OpenAI, played: Any) -> None:
    stream = client.chat.completions.create(
        model="tiny", messages=HI, stream=True, extra_body=played("pings")
    )

    assert words(list(stream)) == ["", "Hello", " ", "you", None]


def test_many_streams_run_at_once(lab: Any) -> None:
    async def one(client: openai.AsyncOpenAI) -> str:
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def many() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{lab.url}/v1", api_key=lab.key) as client:
            return await asyncio.gather(*(one(client) for _ in range(40)))

    assert asyncio.run(many()) == ["Hello you"] * 40
