"""The API as OpenAI's own client sees it."""

import openai
import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from openai.types.chat import ChatCompletionMessageParam

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]


async def test_a_chat_completion_is_answered(gateway: Running) -> None:
    answer = await gateway.openai.chat.completions.create(model="tiny", messages=HI)

    assert answer.choices[0].message.content == "Hello you"


async def test_a_chat_completion_is_streamed(gateway: Running) -> None:
    stream = await gateway.openai.chat.completions.create(model="tiny", messages=HI, stream=True)

    words = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert "".join(words) == "Hello you"


async def test_a_completion_is_answered(gateway: Running) -> None:
    answer = await gateway.openai.completions.create(model="tiny", prompt="Go")

    assert answer.choices[0].text == "and on"


async def test_an_embedding_is_answered(gateway: Running) -> None:
    answer = await gateway.openai.embeddings.create(
        model="tiny", input="text", encoding_format="float"
    )

    assert answer.data[0].embedding == [0.5, 0.25]


async def test_models_are_listed(gateway: Running) -> None:
    answer = await gateway.openai.models.list()

    assert [model.id for model in answer.data] == ["tiny", "org/large"]


@pytest.mark.parametrize("name", ["tiny", "org/large"])
async def test_one_model_is_found_by_its_name(gateway: Running, name: str) -> None:
    answer = await gateway.openai.models.retrieve(name)

    assert (answer.id, answer.owned_by) == (name, "vllm")


async def test_a_model_that_nobody_serves_is_not_found(gateway: Running) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await gateway.openai.models.retrieve("gpt-9")

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_an_unknown_key_is_an_authentication_error(gateway: Running) -> None:
    stranger = gateway.openai.with_options(api_key="sk-unknown")

    with pytest.raises(openai.AuthenticationError) as caught:
        await stranger.chat.completions.create(model="tiny", messages=HI)

    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_model_servers_own_refusal_keeps_its_status_and_words(
    gateway: Running, model_server: ModelServer, *, stream: bool
) -> None:
    body = b'{"error":{"message":"too long","type":"BadRequestError","param":"x","code":400}}'

    async def refuse(call: Call) -> None:
        call.reply(body, "400 Bad Request")

    model_server.on["/v1/chat/completions"] = refuse

    with pytest.raises(openai.BadRequestError) as caught:
        await gateway.openai.chat.completions.create(model="tiny", messages=HI, stream=stream)

    assert caught.value.response.content == body


async def test_a_refusal_in_the_model_servers_other_shape_is_said_in_openais(
    gateway: Running,
) -> None:
    answer = await gateway.client.post("/rerank", json={"query": "q"})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "backend_error"


async def test_a_loading_model_server_is_a_503_that_says_when_to_come_back(
    gateway: Running, model_server: ModelServer
) -> None:
    await model_server.__aexit__()

    answer = await gateway.chat()

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "backend_unavailable")
    assert float(answer.headers["retry-after"]) * 1000 == float(answer.headers["retry-after-ms"])
    assert 0 < float(answer.headers["retry-after"]) <= 120
    assert "127.0.0.1" not in error["message"]


async def test_a_deployment_without_an_engine_says_so(start: Start) -> None:
    gateway = await start(engine_enabled=False)

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_disabled")
    assert answer.headers["x-should-retry"] == "false"


async def test_a_key_that_is_not_known_is_not_asked_with_again(gateway: Running) -> None:
    gateway.client.headers["authorization"] = "Bearer sk-unknown"

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["www-authenticate"] == "Bearer"
