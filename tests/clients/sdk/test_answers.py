"""Every endpoint that OpenAI's Python client knows, answered whole."""

import json
from typing import Any

import openai
import pytest

HI: list[Any] = [{"role": "user", "content": "Hi"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny", "org/large"]


@pytest.mark.parametrize("name", ["tiny", "org/large"])
def test_one_model_is_retrieved(client: openai.OpenAI, name: str) -> None:
    assert client.models.retrieve(name).id == name


def test_a_chat_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=HI)

    assert answer.choices[0].message.content == "Hello you"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10


def test_a_chat_calls_a_tool(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=HI, tools=[TOOL])

    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "weather",
        {"city": "Paris"},
    )


def test_several_choices_come_with_their_log_probabilities(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny", messages=HI, n=3, logprobs=True, top_logprobs=1
    )

    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    logprobs = answer.choices[2].logprobs
    assert logprobs is not None
    assert [entry.token for entry in logprobs.content or []] == ["Hello", " ", "you"]


def test_a_completion_is_answered(client: openai.OpenAI) -> None:
    assert client.completions.create(model="tiny", prompt="Go").choices[0].text == "Hello you"


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_embeddings_come_in_the_encoding_that_was_asked_for(
    client: openai.OpenAI, encoding: Any
) -> None:
    options = {"encoding_format": encoding} if encoding else {}

    answer = client.embeddings.create(model="tiny", input=["a", "b"], **options)

    assert [entry.index for entry in answer.data] == [0, 1]
    # asked for nothing, the client itself asks for base64 and decodes it
    expected: Any = "AAAAPwAAgD4AAIC/" if encoding == "base64" else [0.5, 0.25, -1.0]
    assert answer.data[0].embedding == expected


def test_a_response_is_created(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="tiny", input="Hi")

    assert (answer.status, answer.output_text) == ("completed", "Hello you")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 3


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, by OpenAI
@pytest.mark.parametrize("what", ["transcriptions", "translations"])
def test_speech_becomes_text(client: openai.OpenAI, what: str) -> None:
    audio = getattr(client.audio, what)

    answer = audio.create(model="tiny", file=("a.wav", b"RIFF\x00\xff\r\n--", "audio/wav"))

    assert answer.text == "Hello you"


def test_a_request_passes_with_every_field_and_header_that_matters(
    client: openai.OpenAI, played: Any
) -> None:
    extra = played("well") | {
        "chat_template_kwargs": {"enable_thinking": False},
        "seed": 12345678901234567890123,
        "guided_json": None,
    }
    headers = {"x-request-id": "mine-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}

    client.chat.completions.create(
        model="tiny", messages=HI, extra_body=extra, extra_headers=headers
    )

    [call] = played.calls()
    sent = {name: value for name, value in json.loads(call["body"]).items() if name in extra}
    assert sent == extra
    assert call["headers"]["x-request-id"] == "mine-1"
    assert call["headers"]["traceparent"] == headers["traceparent"]
    assert "authorization" not in call["headers"]


def test_the_request_id_comes_back_once(client: openai.OpenAI) -> None:
    ours = client.chat.completions.create(model="tiny", messages=HI)
    theirs = client.chat.completions.create(
        model="tiny", messages=HI, extra_headers={"x-request-id": "mine-2"}
    )

    assert ours._request_id
    assert theirs._request_id == "mine-2"
