"""Which model server gets a request, and when one is sent twice."""

import asyncio

import pytest
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer
from gatewaylab.running import Running, Start

CHAT = "/v1/chat/completions"


async def hang_up(call: Call) -> None:
    call.writer.close()


async def test_a_pooled_connection_that_was_closed_meanwhile_costs_nobody_a_request(
    gateway: Running, model_server: ModelServer
) -> None:
    good = model_server.on[CHAT]

    async def hang_up_once(call: Call) -> None:
        model_server.on[CHAT] = good
        call.writer.close()

    await gateway.chat()
    model_server.on[CHAT] = hang_up_once

    answer = await gateway.chat()

    assert answer.status_code == 200
    assert len(model_server.inference()) == 3


async def test_a_fresh_connection_that_breaks_is_not_tried_again(
    gateway: Running, model_server: ModelServer
) -> None:
    model_server.on[CHAT] = hang_up

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_lost")
    assert len(model_server.inference()) == 1


async def test_a_model_server_that_always_hangs_up_is_asked_at_most_twice(
    gateway: Running, model_server: ModelServer
) -> None:
    await gateway.chat()
    model_server.on[CHAT] = hang_up

    answer = await gateway.chat()

    assert answer.status_code == 502
    assert len(model_server.inference()) == 3


async def test_an_answer_that_began_is_never_asked_for_again(
    gateway: Running, model_server: ModelServer
) -> None:
    async def begin_and_hang_up(call: Call) -> None:
        call.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
        await call.writer.drain()
        call.writer.close()

    await gateway.chat()
    model_server.on[CHAT] = begin_and_hang_up

    answer = await gateway.chat()

    assert answer.status_code == 502
    assert len(model_server.inference()) == 2


async def test_an_answer_that_is_no_http_is_a_502(
    gateway: Running, model_server: ModelServer
) -> None:
    async def babble(call: Call) -> None:
        call.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    model_server.on[CHAT] = babble

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "backend_lost")


async def test_connections_are_kept_between_requests(
    gateway: Running, model_server: ModelServer
) -> None:
    probing = model_server.connections

    for _ in range(5):
        await gateway.chat()
        await gateway.chat(stream=True)

    assert model_server.connections == probing + 1


async def test_the_less_busy_model_server_gets_the_next_request(
    start: Start, model_server: ModelServer
) -> None:
    async def silence(call: Call) -> None:
        await call.silence()

    async with ModelServer() as other:
        gateway = await start(
            backends=(BackendSettings(model_server.origin), BackendSettings(other.origin))
        )
        model_server.on[CHAT] = other.on[CHAT] = silence

        asking = [asyncio.ensure_future(gateway.chat()) for _ in range(4)]
        await model_server.called(2)
        await other.called(2)

        counts = [backend.outstanding for backend in gateway.gateway.routing.backends]
        assert counts == [2, 2]
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await gateway.idle()


@pytest.mark.parametrize("dead_first", [True, False])
async def test_a_dead_model_server_is_passed_over(
    start: Start, model_server: ModelServer, *, dead_first: bool
) -> None:
    origins = [model_server.origin]
    origins.insert(0 if dead_first else 1, "http://127.0.0.1:9")
    gateway = await start(backends=tuple(map(BackendSettings, origins)))

    answers = [await gateway.chat() for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}


async def test_many_bad_answers_do_not_shut_the_door_for_a_good_one(
    gateway: Running, model_server: ModelServer
) -> None:
    good = model_server.on[CHAT]

    async def overloaded(call: Call) -> None:
        call.reply(
            b'{"error":{"message":"busy"}}', "503 Service Unavailable", **{"retry-after": "7"}
        )

    model_server.on[CHAT] = overloaded
    answers = [await gateway.chat() for _ in range(20)]
    model_server.on[CHAT] = good

    assert (await gateway.chat()).status_code == 200
    assert {(a.status_code, a.headers["retry-after"]) for a in answers} == {(503, "7")}
