"""The stub engine through the OpenAI SDK, as our users' programs see it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from .conftest import eventually, free_port

MODEL = "Qwen/Qwen2.5-7B-Instruct"
HELLO = [{"role": "user", "content": "hello there"}]


@contextmanager
def running(*more: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "twin.engines.stub", "--port", str(port)]
    engine = subprocess.Popen([*command, "--model", MODEL, *more])
    yield f"http://127.0.0.1:{port}"
    engine.terminate()
    engine.wait(10)


def is_up(origin: str) -> bool:
    try:
        return httpx.get(f"{origin}/health").is_success
    except httpx.ConnectError:
        return False


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with running() as origin:
        eventually(lambda: is_up(origin), bool, 60)
        yield origin


@pytest.fixture(scope="module")
def client(origin: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{origin}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_an_answer_says_that_it_is_a_stubs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]

    text = answer.choices[0].message.content or ""
    assert "stub engine" in text
    assert '"hello there"' in text
    assert answer.system_fingerprint == "lamplighter-stub"
    assert client.models.list().data[0].owned_by == "lamplighter-stub"


def test_the_same_question_has_the_same_answer(client: openai.OpenAI) -> None:
    first, second = (
        client.chat.completions.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]
        for _ in range(2)
    )

    assert first.choices[0].message.content == second.choices[0].message.content


def test_an_answer_is_no_longer_than_asked_for(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3)  # type: ignore[arg-type]

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert (answer.usage.completion_tokens, answer.usage.prompt_tokens) == (3, 2)


def test_a_stream_joins_to_the_whole_answer_and_ends_with_its_usage(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]

    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )  # type: ignore[call-overload]
    )

    text = "".join(each.choices[0].delta.content for each in chunks if each.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert [each.choices[0].finish_reason for each in chunks[-3:-1]] == [None, "stop"]


def test_completions_and_tokenize_answer(client: openai.OpenAI, origin: str) -> None:
    answer = client.completions.create(model=MODEL, prompt="once upon a time")
    count = httpx.post(f"{origin}/tokenize", json={"prompt": "once upon a time"}).json()["count"]

    assert "once upon a time" in answer.choices[0].text
    assert count == 4


# Without a format the SDK asks for base64, and decodes it.
@pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}])
def test_embeddings_are_unit_vectors_of_the_text(client: openai.OpenAI, more: Any) -> None:
    answer = client.embeddings.create(model=MODEL, input=["a", "b", "a"], **more)

    first, other, again = (each.embedding for each in answer.data)
    assert first == again != other
    assert sum(value * value for value in first) == pytest.approx(1, abs=1e-5)


def test_errors_have_vllms_shape(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="other", messages=HELLO)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="context length"):
        client.completions.create(model=MODEL, prompt="word " * 5000)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model=MODEL, messages=[])

    assert unknown.value.body == {
        "message": "The model `other` does not exist.", "type": "NotFoundError",
        "param": "model", "code": 404,
    }  # fmt: skip


def test_it_refuses_connections_until_it_has_loaded() -> None:
    started = time.monotonic()
    with running("--load-seconds", "1.5") as origin:
        refused = not is_up(origin)
        eventually(lambda: is_up(origin), bool, 60)

    assert refused
    assert time.monotonic() - started > 1.5
