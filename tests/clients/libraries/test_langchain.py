"""LangChain, by chat completions, by Responses and by Anthropic's Messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.lab import Lab
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


class City(BaseModel):
    """A city."""

    city: str


@tool
def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(scope="session")
def chat(made: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return made("ChatOpenAI(")


@pytest.fixture(scope="session")
def embeddings(chat: dict[str, Any]) -> Embeddings:
    found: Embeddings = chat["embeddings"]
    return found


@pytest.fixture(scope="session")
def models(chat: dict[str, Any], made: Callable[[str], dict[str, Any]]) -> dict[str, BaseChatModel]:
    model = chat["model"]
    responses = model.model_copy(update={"use_responses_api": True})
    return {"chat": model, "responses": responses, "messages": made("ChatAnthropic(")["model"]}


@pytest.fixture(params=["chat", "responses", "messages"])
def model(request: pytest.FixtureRequest, models: dict[str, BaseChatModel]) -> BaseChatModel:
    return models[request.param]


def test_a_chat_is_answered(model: BaseChatModel) -> None:
    answer = model.invoke("Hi")

    assert answer.text == "Hello you"
    assert answer.usage_metadata
    assert answer.usage_metadata["total_tokens"] == 10


def test_a_chat_is_streamed(model: BaseChatModel) -> None:
    assert [chunk.text for chunk in model.stream("Hi") if chunk.text] == ["Hello", " ", "you"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_is_answered(model: BaseChatModel, *, stream: bool) -> None:
    able = model.bind_tools([weather])
    asked = HumanMessage("Weather?")

    chunks = able.stream([asked]) if stream else [able.invoke([asked])]
    first, *rest = chunks
    answer = sum(rest, first)

    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris"})
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert able.invoke([asked, answer, result]).text == "Hello you"


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_an_answer_has_the_structure_that_is_asked_for(
    models: dict[str, BaseChatModel], method: str
) -> None:
    assert models["chat"].with_structured_output(City, method=method).invoke("json") == City(
        city="Paris"
    )


def test_structure_comes_by_messages_too(models: dict[str, BaseChatModel]) -> None:
    assert models["messages"].with_structured_output(City).invoke("Hi") == City(city="Paris")


def test_texts_are_embedded(embeddings: Embeddings) -> None:
    assert embeddings.embed_query("one") == [0.5, 0.25, -1.0]
    assert embeddings.embed_documents(["one", "two"]) == [[0.5, 0.25, -1.0]] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_the_reason_of_a_refusal_reaches_the_caller(model: BaseChatModel, *, stream: bool) -> None:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match="4096 tokens"):
        list(model.stream("[lab:1 refuse]")) if stream else model.invoke("[lab:1 refuse]")


def test_a_stream_that_breaks_raises(model: BaseChatModel) -> None:
    # By Responses, LangChain itself raises a ValueError.
    with pytest.raises((openai.APIError, anthropic.APIError, ValueError), match="broke off"):
        list(model.stream("[lab:1 die]"))


@pytest.mark.parametrize("name", ["chat", "messages"])
def test_a_key_that_is_not_known_is_an_authentication_error(
    models: dict[str, BaseChatModel], lab: Lab, name: str
) -> None:
    model = models[name]
    url = lab.url if name == "messages" else f"{lab.url}/v1"
    stranger = type(model)(model="tiny", base_url=url, api_key="sk-unknown")  # type: ignore[call-arg]

    with pytest.raises(
        (openai.AuthenticationError, anthropic.AuthenticationError), match="not known here"
    ):
        stranger.invoke("Hi")
