"""What the client repeats, what it must not, and how long anybody waits."""

import time
from typing import Any

import openai
import pytest

HI: list[Any] = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_engine_is_asked_again_after_the_time_it_named(
    client: openai.OpenAI, played: Any, status: int
) -> None:
    patient = client.with_options(max_retries=1)
    began = time.monotonic()

    answer = patient.chat.completions.create(
        model="tiny", messages=HI, extra_body=played(f"status {status} {played.id} 1")
    )

    assert answer.choices[0].message.content == "Hello you"
    assert time.monotonic() - began >= 1.0
    assert len(played.calls()) == 2


def test_a_key_over_its_limit_is_told_exactly_when_to_come_back(
    client: openai.OpenAI, lab: Any
) -> None:
    slow = client.with_options(api_key=lab.slow)
    slow.chat.completions.create(model="tiny", messages=HI)

    with pytest.raises(openai.RateLimitError) as caught:
        slow.chat.completions.create(model="tiny", messages=HI)

    headers = caught.value.response.headers
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.type == "rate_limit_error"
    assert 0 < float(headers["retry-after-ms"]) <= float(headers["retry-after"]) * 1000 <= 60_000
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"]


def test_a_client_that_obeys_the_limits_headers_succeeds_by_itself(
    client: openai.OpenAI, lab: Any
) -> None:
    impatient = client.with_options(api_key=lab.hasty)
    with pytest.raises(openai.RateLimitError):
        exhaust(impatient)
    patient = client.with_options(api_key=lab.hasty, max_retries=1)

    answer = patient.chat.completions.create(model="tiny", messages=HI)

    assert answer.choices


def test_a_request_that_took_too_long_is_not_repeated(client: openai.OpenAI, played: Any) -> None:
    eager = client.with_options(max_retries=2)

    with pytest.raises(openai.InternalServerError) as caught:
        eager.chat.completions.create(
            model="tiny", messages=HI, max_tokens=1, extra_body=played("hang")
        )

    assert (caught.value.status_code, caught.value.code) == (504, "timeout")
    assert len(played.calls()) == 1
    assert played.left_after() > 1


def test_a_client_that_gives_up_frees_the_engine(client: openai.OpenAI, played: Any) -> None:
    hurried = client.with_options(timeout=1.0)

    with pytest.raises((openai.APITimeoutError, openai.InternalServerError)):
        hurried.chat.completions.create(model="tiny", messages=HI, extra_body=played("hang"))

    assert 0.5 < played.left_after() < 3


@pytest.mark.parametrize("play", ["drip", "stall"])
def test_closing_a_stream_frees_the_engine(client: openai.OpenAI, played: Any, play: str) -> None:
    stream = client.chat.completions.create(
        model="tiny", messages=HI, stream=True, extra_body=played(play)
    )
    next(stream)
    time.sleep(0.2)  # into the silence
    before = time.monotonic()

    stream.close()

    played.left_after()
    assert time.monotonic() - before < 1


@pytest.mark.parametrize(
    ("play", "code", "heard"),
    [
        ("die", "backend_lost", 2), ("fin", "backend_lost", 2), ("cut", "stream_incomplete", 4),
        ("abort", "stream_incomplete", 3), ("error", "500", 2), ("stall", "timeout", 2),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_raises_after_its_last_chunk(
    client: openai.OpenAI, played: Any, play: str, code: Any, heard: int
) -> None:
    stream = client.chat.completions.create(
        model="tiny", messages=HI, stream=True, extra_body=played(play)
    )
    chunks: list[Any] = []

    with pytest.raises(openai.APIError) as caught:
        keep(stream, chunks)

    assert len(chunks) == heard
    assert str(caught.value.code) == code
    assert len(played.calls()) == 1


@pytest.mark.parametrize("play", ["die", "fin", "cut"])
def test_a_response_that_breaks_raises_too(client: openai.OpenAI, played: Any, play: str) -> None:
    stream = client.responses.create(model="tiny", input="Hi", stream=True, extra_body=played(play))
    events: list[Any] = []

    with pytest.raises(openai.APIError):
        keep(stream, events)

    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.failed"
    assert len(played.calls()) == 1


def exhaust(client: openai.OpenAI) -> None:
    for _ in range(200):
        client.chat.completions.create(model="tiny", messages=HI)


def keep(stream: Any, into: list[Any]) -> None:
    """Hold on to what came before the stream raises."""
    for event in stream:
        into.append(event)  # noqa: PERF402 -- list() would lose them all
