"""Several requests on one connection, sent before the first is answered."""

import asyncio
import json

from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start, get, post
from gatewaylab.speeches import CHAT

CLOSE = "Connection: close"


async def echo_slowly(call: Call) -> None:
    number = json.loads(call.body)["number"]
    await asyncio.sleep(0.1 if number % 2 else 0)
    call.reply(call.body)


async def test_pipelined_requests_are_answered_in_their_order(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on["/tokenize"] = echo_slowly
    requests = [post("/tokenize", b'{"number":%d}' % number) for number in range(6)]

    async with gateway.visitor(*requests) as reader:
        answers = b""
        while answers.count(b'{"number"') < 6:
            answers += await asyncio.wait_for(reader.read(65536), 2)

    found = [answers.index(b'{"number":%d}' % number) for number in range(6)]
    assert found == sorted(found)
    await gateway.at_rest()


async def test_pages_and_inference_may_take_turns_in_a_pipeline(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on["/tokenize"] = echo_slowly
    ask = post("/tokenize", b'{"number":1}')
    last = get("/nowhere", CLOSE)

    async with gateway.visitor(get("/health"), ask, get("/v1/models"), ask, last) as reader:
        said = await asyncio.wait_for(reader.read(-1), 5)

    order = (b'"ok"', b'{"number":1}', b'"object":"list"', b'{"number":1}', b'"unknown_url"')
    at = 0
    for part in order:
        at = said.index(part, at) + 1
    assert said.count(b"HTTP/1.1 ") == 5
    await gateway.at_rest()


async def test_a_pipelined_body_that_is_too_large_waits_for_its_turn_to_be_refused(
    start: Start, model_server: ModelServer
) -> None:
    model_server.on["/tokenize"] = echo_slowly
    gateway = await start(max_body=1000)
    chunked = (f"Content-Type: {CHAT.kind}", "Transfer-Encoding: chunked")
    large = get("/tokenize", *chunked, method="POST") + b"1f4\r\n%b\r\n" % (b" " * 500) * 4

    async with gateway.visitor(post("/tokenize", b'{"number":1}'), large) as reader:
        said = await asyncio.wait_for(reader.readuntil(b"request_too_large"), 5)

    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.index(b'{"number":1}') < said.index(b"HTTP/1.1 413 ")
    await gateway.at_rest()


async def test_large_pipelined_bodies_are_not_read_before_their_turn(
    gateway: Running, model_server: ModelServer
) -> None:
    release = asyncio.Event()

    async def wait(call: Call) -> None:
        await release.wait()
        call.reply(b"{}")

    model_server.on["/tokenize"] = wait
    model_server.on["/detokenize"] = wait
    large = json.dumps({"x": "y" * 8_000_000}).encode()
    ask = post("/tokenize", b"{}")

    async with gateway.visitor(ask, post("/detokenize", large, CLOSE)) as reader:
        await model_server.called()
        await asyncio.sleep(0.3)
        (connection,) = gateway.connections()
        held = connection.cycle.received
        release.set()
        said = await asyncio.wait_for(reader.read(-1), 10)

    assert held < 1_000_000
    assert said.count(b"HTTP/1.1 200 ") == 2
    assert (await model_server.called(2)).body == large
    await gateway.at_rest()


async def test_nothing_is_begun_behind_a_request_that_ends_the_connection(
    gateway: Running, model_server: ModelServer
) -> None:
    async def loses(call: Call) -> None:
        await asyncio.sleep(0.05)
        call.writer.close()

    model_server.on["/tokenize"] = loses
    first = post("/tokenize", b"{}", version="1.0").replace(b"Host", b"Connection: close\r\nHost")

    said = await gateway.raw(first + post("/detokenize", b"{}"))

    assert said.count(b"HTTP/1.1 ") <= 1
    assert {call.path for call in model_server.inference()} <= {"/tokenize"}
    await gateway.at_rest()


async def test_a_client_that_leaves_takes_its_whole_pipeline_with_it(
    gateway: Running, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    model_server.on["/tokenize"] = silence

    async with gateway.visitor(*[post("/tokenize", b"{}")] * 5):
        call = await model_server.called()
    await asyncio.wait_for(call.aborted.wait(), 2)

    await gateway.at_rest()
    assert len(model_server.inference()) == 1


async def test_the_beginning_of_a_next_request_does_not_end_a_stream(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(header_seconds=0.1)

    async def slow(call: Call) -> None:
        call.start_stream()
        call.chunk(CHAT.word)
        await call.writer.drain()
        await asyncio.sleep(1.5)  # longer than the gateway's look at its connections
        call.chunk(CHAT.end)
        call.write(b"0\r\n\r\n")

    model_server.on[CHAT.path] = slow

    async with gateway.visitor(post(CHAT.path, CHAT.body(stream=True)), b"GET /v1/mo") as reader:
        await asyncio.wait_for(reader.readuntil(b"data: [DONE]\n\n"), 4)

    await gateway.at_rest()
