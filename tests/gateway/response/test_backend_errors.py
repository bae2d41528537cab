"""What vLLM says when it cannot answer, and what a client is told of it."""

import json

import pytest
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT, MESSAGES

SHAPE = {"message", "type", "param", "code"}


def answering(
    model_server: ModelServer, status: str, body: bytes, path: str = CHAT.path, **headers: str
) -> None:
    async def script(call: Call) -> None:
        call.reply(body, status, **headers)

    model_server.on[path] = script


async def test_an_error_that_a_client_can_read_passes_byte_for_byte(
    gateway: Running, model_server: ModelServer
) -> None:
    theirs = b'{ "error": {"message":"max is 10","type":"BadRequestError","param":"x","code":400}}'
    answering(model_server, "400 Bad Request", theirs)

    answer = await gateway.chat()

    assert (answer.status_code, answer.content) == (400, theirs)


@pytest.mark.parametrize(
    "theirs",
    [
        b'{"error":{"message":"The model `org/large` does not exist.","param":"model"}}',
        b'{"error":{"message":"Not `org/large`. Valid aliases: secret-lora","param":null}}',
    ],
)
async def test_a_model_that_is_gone_is_told_in_our_words(
    start: Start, model_server: ModelServer, theirs: bytes
) -> None:
    """vLLM's own words tell the names it has there, and which others it knows."""
    answering(model_server, "404 Not Found", theirs)
    gateway = await start(aliases={"public": "org/large"})

    answer = await gateway.chat(model="public")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "public" in error["message"]
    assert "org/large" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "said",
    [
        b'{"error":{"message":"EngineCore encountered an issue.","type":"InternalServerError"}}',
        b'{"object":"error","message":"EngineDeadError","code":500}',
        b"EngineDeadError: see the root cause above",
        b'{"error":{"message":"cannot schedule new futures after shutdown"}}',
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_died_is_a_503_with_a_time_to_come_back(
    gateway: Running, model_server: ModelServer, said: bytes, *, stream: bool
) -> None:
    answering(model_server, "500 Internal Server Error", said)

    answer = await gateway.chat(stream=stream)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "backend_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "x-should-retry" not in answer.headers
    await gateway.at_rest()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("404 Not Found", b'{"detail":"Not Found"}'),
        ("422 Unprocessable Entity", b'{"detail":[{"loc":["body"],"msg":"Field required"}]}'),
        ("401 Unauthorized", b'{"error":"Unauthorized"}'),
        ("500 Internal Server Error", b"Internal Server Error"),
        ("502 Bad Gateway", b"<html><h1>502</h1></html>"),
        ("400 Bad Request", b'{"object":"error","message":"old shape","code":400}'),
        ("400 Bad Request", b""),
        ("418 I'm a Teapot", b'{"error":null}'),
        ("499 Odd", b'{"error":[]}'),
        ("500 Internal Server Error", b"[" * 100_000),
        ("500 Internal Server Error", b"\xff\xfe"),
    ],
)
async def test_an_error_in_another_shape_is_said_again_in_ours_with_its_status(
    gateway: Running, model_server: ModelServer, status: str, body: bytes
) -> None:
    answering(model_server, status, body)

    answer = await gateway.chat()

    error = answer.json()["error"]
    assert answer.status_code == int(status[:3])
    assert set(error) == SHAPE
    assert error["code"] in {"backend_error", "400"}
    assert answer.headers["content-type"] == "application/json"


TOO_LONG = "This model's maximum context length is 4096 tokens."


@pytest.mark.parametrize(
    "theirs",
    [
        {"object": "error", "message": TOO_LONG, "type": "BadRequestError", "code": 400},
        {"detail": TOO_LONG},
        {"detail": {"message": TOO_LONG}},
        {"detail": [{"loc": ["body", "messages"], "msg": TOO_LONG}]},
        {"error": TOO_LONG},
        {"message": TOO_LONG},
        {"errors": [{"message": TOO_LONG}]},
        {"error": {"reason": TOO_LONG}},
        {"fault": TOO_LONG},
        TOO_LONG,
    ],
)
@pytest.mark.parametrize("path", [CHAT.path, MESSAGES.path])
async def test_the_reason_reaches_the_client_whatever_the_shape_of_an_error(
    gateway: Running, model_server: ModelServer, theirs: object, path: str
) -> None:
    """Agents shorten their context when they read these words."""
    answering(model_server, "400 Bad Request", json.dumps(theirs).encode(), path)

    answer = await gateway.client.post(path, json={"model": "tiny"})

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert TOO_LONG in error["message"]
    assert error["type"] in {"invalid_request_error", "BadRequestError"}


async def test_a_long_wait_is_capped_and_said_in_a_header_of_our_own(
    gateway: Running, model_server: ModelServer
) -> None:
    answering(model_server, "503 Service Unavailable", b"{}", **{"retry-after": "900"})

    answer = await gateway.chat()

    assert answer.headers["retry-after"] == "60"
    assert answer.headers["x-lamplighter-eta-seconds"] == "900"


async def test_backpressure_passes_with_its_time(
    gateway: Running, model_server: ModelServer
) -> None:
    body = b'{"error":{"message":"busy","type":"X","param":null,"code":429}}'
    answering(model_server, "429 Too Many Requests", body, **{"retry-after": "3"})

    answer = await gateway.chat()

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.content == body


async def test_headers_of_the_model_servers_host_do_not_reach_the_client(
    gateway: Running, model_server: ModelServer
) -> None:
    hidden = {"set-cookie": "a=b", "x-served-by": "10.0.0.7", "x-accel-redirect": "/secret"}
    answering(model_server, "200 OK", b"{}", server="uvicorn", **hidden)

    answer = await gateway.chat()

    assert set(answer.headers) == {"date", "content-type", "content-length", "x-request-id"}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_header_that_the_engine_sets_reaches_the_client(
    gateway: Running, model_server: ModelServer, *, stream: bool
) -> None:
    load = {"endpoint-load-metrics": "TEXT named_metrics.kv_cache_usage=0.5"}

    async def script(call: Call) -> None:
        if call.headers.get("endpoint-load-metrics-format") != "TEXT":
            call.reply(b"{}")
        elif stream:
            kind = {"transfer-encoding": "chunked"}
            call.head("text/event-stream", **kind, **load)
            call.chunk(b"data: [DONE]\n\n")
            call.end_stream(done=False)
        else:
            call.reply(b"{}", **load)

    model_server.on[CHAT.path] = script
    gateway.client.headers["endpoint-load-metrics-format"] = "TEXT"

    answer = await gateway.chat(stream=stream)

    assert answer.headers["endpoint-load-metrics"] == load["endpoint-load-metrics"]


async def test_a_trailer_becomes_no_header_of_any_answer(
    gateway: Running, model_server: ModelServer
) -> None:
    async def script(call: Call) -> None:
        call.head(**{"transfer-encoding": "chunked"})
        call.write(b"2\r\n{}\r\n0\r\nretry-after: 9\r\ncontent-encoding: gzip\r\n\r\n")

    model_server.on[CHAT.path] = script

    for _ in range(2):  # the second answer comes over the same connection
        answer = await gateway.chat()

        assert set(answer.headers) == {"date", "content-type", "content-length", "x-request-id"}


async def test_an_error_with_a_streams_content_type_is_an_error(
    gateway: Running, model_server: ModelServer
) -> None:
    async def script(call: Call) -> None:
        call.head("text/event-stream", "400 Bad Request", **{"content-length": "2"})
        call.write(b"{}")

    model_server.on[CHAT.path] = script

    answer = await gateway.chat(stream=True)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")


async def test_a_whole_answer_to_who_asked_for_a_stream_passes_as_it_is(
    gateway: Running, model_server: ModelServer
) -> None:
    answering(model_server, "200 OK", b'{"choices":[]}')

    answer = await gateway.chat(stream=True)

    assert answer.content == b'{"choices":[]}'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [CHAT.path, MESSAGES.path])
async def test_a_whole_answer_in_chunks_is_taken_in_whole(
    gateway: Running, model_server: ModelServer, path: str
) -> None:
    said = json.dumps({"text": "word " * 1000}).encode()

    async def script(call: Call) -> None:
        call.head(**{"transfer-encoding": "chunked"})
        for start in range(0, len(said), 100):
            call.chunk(said[start : start + 100])
            await call.writer.drain()
        call.write(b"0\r\n\r\n")

    model_server.on[path] = script

    answer = await gateway.client.post(path, json={})

    assert answer.content == said
    assert answer.headers["content-length"] == str(len(said))


async def test_an_answer_that_ends_with_its_connection_is_whole(
    gateway: Running, model_server: ModelServer
) -> None:
    async def script(call: Call) -> None:
        call.head()
        call.write(b'{"choices":[]}')
        await call.writer.drain()
        call.writer.close()

    model_server.on[CHAT.path] = script

    assert (await gateway.chat()).content == b'{"choices":[]}'
    await gateway.at_rest()


async def test_an_answer_after_an_interim_one_is_the_answer(
    gateway: Running, model_server: ModelServer
) -> None:
    async def script(call: Call) -> None:
        call.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        call.reply(b"{}")

    model_server.on[CHAT.path] = script

    first, second = await gateway.chat(), await gateway.chat()

    assert (first.content, second.content) == (b"{}", b"{}")
    assert "link" not in first.headers
