"""LlamaIndex's clients for servers that speak OpenAI's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from llama_index.embeddings.openai_like import OpenAILikeEmbedding
    from llama_index.llms.openai_like import OpenAILike

HI = [ChatMessage("Hi")]


class City(BaseModel):
    """A city."""

    city: str


def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(scope="session")
def library(made: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return made("OpenAILike(")


@pytest.fixture
def model(library: dict[str, Any]) -> OpenAILike:
    found: OpenAILike = library["model"]
    return found


@pytest.fixture
def embeddings(library: dict[str, Any]) -> OpenAILikeEmbedding:
    found: OpenAILikeEmbedding = library["embeddings"]
    return found


def test_a_chat_is_answered(model: OpenAILike) -> None:
    assert model.chat(HI).message.content == "Hello you"


def test_a_chat_is_streamed(model: OpenAILike) -> None:
    deltas = [chunk.delta for chunk in model.stream_chat(HI)]

    assert [delta for delta in deltas if delta] == ["Hello", " ", "you"]


def test_a_tool_is_called_and_its_result_is_answered(model: OpenAILike) -> None:
    tool = FunctionTool.from_defaults(fn=weather)

    answer = model.chat_with_tools([tool], user_msg="Weather?")

    [call] = model.get_tool_calls_from_response(answer)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Paris"})
    result = ChatMessage(
        "sunny", role="tool", additional_kwargs={"tool_call_id": call.tool_id, "name": "weather"}
    )
    history = [*HI, answer.message, result]
    assert model.chat_with_tools([tool], chat_history=history).message.content == "Hello you"


def test_an_answer_has_the_structure_that_is_asked_for(model: OpenAILike) -> None:
    assert model.as_structured_llm(City).chat(HI).raw == City(city="Paris")


def test_texts_are_embedded(embeddings: OpenAILikeEmbedding) -> None:
    assert embeddings.get_text_embedding_batch(["one", "two"]) == [[0.5, 0.25, -1.0]] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_the_reason_of_a_refusal_reaches_the_caller(model: OpenAILike, *, stream: bool) -> None:
    asked = [ChatMessage("[lab:1 refuse]")]

    with pytest.raises(openai.BadRequestError, match="4096 tokens"):
        list(model.stream_chat(asked)) if stream else model.chat(asked)


def test_a_key_that_is_not_known_is_an_authentication_error(model: OpenAILike) -> None:
    stranger = type(model)(
        model="tiny", api_base=model.api_base, api_key="sk-unknown", is_chat_model=True
    )

    with pytest.raises(openai.AuthenticationError, match="not known here"):
        stranger.chat(HI)
