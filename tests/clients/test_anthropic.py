"""Anthropic's Python client: `/v1/messages`, whose errors and streams have shapes of their own."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.lab import Lab

HI: list[Any] = [{"role": "user", "content": "Hi"}]
ASK: dict[str, Any] = {"model": "tiny", "max_tokens": 16, "messages": HI}


@pytest.fixture
def client(lab: Lab) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=lab.url, api_key=lab.key, max_retries=0) as client:
        yield client


def played(play: str, **also: str) -> dict[str, Any]:
    return {"lab": {"id": uuid.uuid4().hex, "play": play} | also}


def test_a_message_is_answered(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(**ASK)

    assert [block.text for block in answer.content if block.type == "text"] == ["Hello you"]
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 3)


def test_a_message_is_streamed(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        words = list(stream.text_stream)
        final = stream.get_final_message()

    assert words == ["Hello", " ", "you"]
    assert final.usage.output_tokens == 3


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="tiny", messages=HI).input_tokens == 7


def test_the_key_stays_at_the_gateway(client: anthropic.Anthropic, lab: Lab) -> None:
    extra = played("well")

    client.messages.create(**ASK, extra_body=extra)

    [call] = lab.calls(extra["lab"]["id"])
    assert lab.key not in json.dumps(call)


def test_a_bearer_token_is_taken_as_well(lab: Lab) -> None:
    with anthropic.Anthropic(base_url=lab.url, auth_token=lab.key, max_retries=0) as client:
        assert client.messages.create(**ASK).content


def test_an_unknown_key_is_an_authentication_error(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client.with_options(api_key="sk-unknown").messages.create(**ASK)

    assert kind(caught.value) == "authentication_error"


def test_a_model_that_nobody_serves_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(**ASK | {"model": "gpt-9"})

    assert kind(caught.value) in {"not_found_error", "NotFoundError"}


def test_a_body_that_is_not_understood_is_a_bad_request(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(**ASK, extra_body={"stream": "often"})

    assert kind(caught.value) == "invalid_request_error"


def test_a_key_over_its_limit_is_a_rate_limit_error(lab: Lab) -> None:
    hasty = anthropic.Anthropic(base_url=lab.url, api_key=lab.hasty, max_retries=0)

    with hasty, pytest.raises(anthropic.RateLimitError) as caught:
        exhaust(hasty)

    assert kind(caught.value) == "rate_limit_error"
    assert float(caught.value.response.headers["retry-after"]) >= 1


def exhaust(client: anthropic.Anthropic) -> None:
    for _ in range(200):
        client.messages.create(**ASK)


def test_a_request_that_took_too_long_is_not_repeated(
    client: anthropic.Anthropic, lab: Lab
) -> None:
    extra = played("hang")

    with pytest.raises(anthropic.APIStatusError) as caught:
        client.with_options(max_retries=2).messages.create(
            **ASK | {"max_tokens": 1}, extra_body=extra
        )

    assert (caught.value.status_code, kind(caught.value)) == (504, "timeout_error")
    assert len(lab.calls(extra["lab"]["id"])) == 1


@pytest.mark.parametrize("play", ["die", "fin", "cut", "stall"])
def test_a_stream_that_breaks_raises_after_its_last_event(
    client: anthropic.Anthropic, play: str
) -> None:
    events: list[Any] = []
    stream = client.messages.create(**ASK, stream=True, extra_body=played(play))

    with pytest.raises(anthropic.APIStatusError) as caught:
        keep(stream, events)

    assert [event.type for event in events[:2]] == ["message_start", "content_block_start"]
    assert kind(caught.value) in {"api_error", "timeout_error", "overloaded_error"}


def test_closing_a_stream_frees_the_engine(client: anthropic.Anthropic, lab: Lab) -> None:
    extra = played("drip")
    stream = client.messages.create(**ASK, stream=True, extra_body=extra)
    next(iter(stream))

    stream.close()

    end = time.monotonic() + 2
    while lab.calls(extra["lab"]["id"])[0]["left_after"] is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def keep(stream: Any, into: list[Any]) -> None:
    for event in stream:
        into.append(event)  # noqa: PERF402 -- list() would lose them all


def kind(error: anthropic.APIStatusError) -> str:
    """Return the type in the body's own shape, with the request's id beside it."""
    body: Any = error.body
    assert body["type"] == "error"
    assert body["error"]["message"]
    return str(body["error"]["type"])
