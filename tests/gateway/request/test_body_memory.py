"""Request bodies in memory are bounded: in all, for each key, and in the time they take to come."""

import asyncio
import json
from pathlib import Path

import pytest
from gateway.access.keys_file import new_entry
from gateway.http import client_connection
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import KEY, Running, Start, get, post
from gatewaylab.speeches import CHAT, FORM, form

OTHER = f"sk-bob-{'8' * 43}"
LIMITS = {"max_body": 1_000_000, "max_bodies": 2_000_000, "max_key_bodies": 1_500_000}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"keys": [new_entry("alice", KEY), new_entry("bob", OTHER)]}))
    return path


def announced(size: int, *headers: str, key: str = KEY) -> bytes:
    """Return the head of a request whose body does not come."""
    head = get(CHAT.path, f"Content-Type: {CHAT.kind}", f"Content-Length: {size}", *headers,
               method="POST")  # fmt: skip
    return head.replace(KEY.encode(), key.encode())


async def test_a_key_with_too_many_bytes_under_way_is_refused_before_it_sends_more(
    start: Start,
) -> None:
    gateway = await start(**LIMITS)

    async with gateway.visitor(announced(900_000)):
        await until(lambda: gateway.gateway.services.body_memory.size == 900_000)
        refused = await gateway.raw(announced(700_000, "Expect: 100-continue"))
        other = await gateway.raw(announced(700_000, "Expect: 100-continue", key=OTHER))

    assert refused.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 2\r\n" in refused
    assert b'"code":"rate_limit_exceeded"' in refused
    assert other == b"HTTP/1.1 100 Continue\r\n\r\n"
    await until(lambda: gateway.gateway.services.body_memory.size == 0)


async def test_when_all_is_taken_large_bodies_are_refused_and_small_ones_pass(
    start: Start,
) -> None:
    gateway = await start(**LIMITS)

    async with (
        gateway.visitor(announced(1_000_000)),
        gateway.visitor(announced(1_000_000, key=OTHER)),
    ):
        await until(lambda: gateway.gateway.services.body_memory.size == 2_000_000)
        refused = await gateway.raw(announced(300_000, "Expect: 100-continue"))
        small = await gateway.chat()

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2\r\n" in refused
    assert b'"code":"overloaded"' in refused
    assert small.status_code == 200
    await until(lambda: gateway.gateway.services.body_memory.size == 0)


async def test_a_body_of_unknown_length_counts_as_it_comes(start: Start) -> None:
    gateway = await start(**LIMITS)
    chunked = get(CHAT.path, f"Content-Type: {CHAT.kind}", "Transfer-Encoding: chunked",
                  method="POST")  # fmt: skip
    chunk = b"%x\r\n%b\r\n" % (400_000, b" " * 400_000)

    async with gateway.visitor(announced(900_000)):
        await until(lambda: gateway.gateway.services.body_memory.size == 900_000)
        answer = await gateway.raw(chunked + chunk * 2)

    assert answer.startswith(b"HTTP/1.1 429 ")
    await until(lambda: gateway.gateway.services.body_memory.size == 0)


async def test_a_body_counts_until_its_answer_begins(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(**LIMITS)
    answer, end = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> None:
        await answer.wait()
        call.start_stream()
        call.event("first")
        await end.wait()
        call.event("", "stop")
        call.end_stream()

    model_server.on[CHAT.path] = slow
    asked = asyncio.ensure_future(gateway.chat(stream=True, pad="x" * 1000))
    await model_server.called()
    before = gateway.gateway.services.body_memory.size
    answer.set()
    await until(lambda: gateway.gateway.services.body_memory.size == 0)
    end.set()

    assert (await asked).status_code == 200
    assert before > 1000


async def test_a_body_that_comes_slowly_and_steadily_passes(start: Start) -> None:
    gateway = await start(upload_grace_seconds=1.0, upload_rate=100)
    request = post(CHAT.path, b'{"model":"tiny"}'.ljust(2000))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)

    for at in range(0, len(request), 200):
        writer.write(request[at : at + 200])
        await asyncio.sleep(0.3)

    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200 ")
    writer.transport.abort()


async def test_a_body_that_stalls_after_its_first_half_is_a_408(start: Start) -> None:
    gateway = await start(upload_grace_seconds=1.0)

    async with gateway.visitor(post(CHAT.path, b"{}".ljust(200_000))[:-100_000]) as reader:
        said = await asyncio.wait_for(reader.readline(), 10)

    assert said.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_takes_longer_than_any_may_is_a_408(start: Start) -> None:
    gateway = await start(upload_seconds=0.5, upload_grace_seconds=60)

    answer = await gateway.raw(post(CHAT.path, b"{}".ljust(5000))[:-1])

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.5 s" in answer


async def test_a_large_body_where_none_belongs_is_refused_by_its_head(gateway: Running) -> None:
    length = f"Content-Length: {10**7}"

    models = await gateway.raw(get("/v1/models", length))
    page = await gateway.raw(get("/health/live", length))

    assert models.startswith(b"HTTP/1.1 413 ")
    assert b"takes no body" in models
    assert page.startswith(b"HTTP/1.1 200 ")


async def test_a_body_for_a_page_is_not_listened_to_for_long(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "PAGE_BODY_SECONDS", 0.1)

    async with gateway.visitor(get("/health/live", f"Content-Length: {10**7}")) as reader:
        said = await asyncio.wait_for(reader.read(-1), 10)

    assert said.startswith(b"HTTP/1.1 200 ")


async def test_a_refused_client_that_goes_on_sending_is_cut_off_at_a_bound(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_connection, "LINGER_BYTES", 100_000)
    monkeypatch.setattr(client_connection, "LINGER_SECONDS", 60.0)
    request = announced(900_000, key="sk-alice-wrong") + b" " * 200_000

    async with gateway.visitor(request) as reader:
        said = await asyncio.wait_for(reader.readuntil(b"invalid_api_key"), 5)
        await until(lambda: not gateway.connections())

    assert said.startswith(b"HTTP/1.1 401 ")


LARGE = b'{"model":"gpt-4o","stream":true,"messages":[{"content":"%b"}]}' % (b"y" * 700_000)


async def test_a_large_body_reaches_the_model_server_with_its_edits_alone(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start(aliases={"gpt-4o": "tiny"})

    answer = await gateway.client.post(
        CHAT.path, content=LARGE, headers={"content-type": CHAT.kind}
    )

    call = await model_server.called()
    assert answer.status_code == 200
    renamed = LARGE.replace(b"gpt-4o", b"tiny")
    assert call.body == renamed[:-1] + b',"stream_options":{"include_usage":true}}'
    assert int(call.headers["content-length"]) == len(call.body)
    await gateway.at_rest()
    assert gateway.gateway.services.body_memory.size == 0


async def test_a_large_form_reaches_the_model_server_with_its_model_renamed(
    start: Start, model_server: ModelServer
) -> None:
    async def good(call: Call) -> None:
        call.reply(b"{}")

    path = "/v1/audio/transcriptions"
    model_server.on[path] = good
    gateway = await start(aliases={"whisper-1": "tiny"})
    body = form(file=b"RIFF" * 200_000, model="whisper-1")

    answer = await gateway.client.post(path, content=body, headers={"content-type": FORM})

    assert answer.status_code == 200
    assert (await model_server.called()).body == body.replace(b"whisper-1", b"tiny")


@pytest.mark.parametrize("end", [b"", b"}", b"\xff}", b',"n":17}', b',"stream":[]}'])
async def test_a_large_body_that_is_wrong_at_its_end_is_a_400_and_is_not_sent_on(
    gateway: Running, model_server: ModelServer, end: bytes
) -> None:
    body = LARGE.replace(b'"gpt-4o"', b'"tiny"')[:-1] + b"," * (end == b"}") + end

    answer = await gateway.client.post(CHAT.path, content=body, headers={"content-type": CHAT.kind})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert model_server.inference() == []
    assert gateway.gateway.services.body_memory.size == 0


async def test_a_client_that_leaves_while_its_body_is_read_leaves_nothing(
    gateway: Running, model_server: ModelServer
) -> None:
    large = b'{"x":[' + b"1," * 4_000_000 + b"0]}"

    async with gateway.visitor(post(CHAT.path, large)):
        await until(lambda: gateway.gateway.state.in_flight == 1)

    await gateway.at_rest()
    await until(lambda: gateway.gateway.services.body_memory.size == 0)
    assert model_server.inference() == []
