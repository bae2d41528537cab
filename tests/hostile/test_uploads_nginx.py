"""Uploads through nginx: who has no key is refused by the head, and costs neither disk nor time."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest
from clients.keys import KEY

from hostile.strangers.stack import ANNOUNCED, CHAT, Stack, context, head, stacked

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.host

MiB = 1024 * 1024
STRANGERS = 256  # as many connections as one address may have
MOST_DISK = MiB
BOUND_SECONDS = 150.0
STRANGER = "Authorization: Bearer sk-alice-unknown"
CUSTOMER = f"Authorization: Bearer {KEY}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stacked(tmp_path_factory.mktemp("uploads"), INFERENCE_UPLOAD_GRACE_SECONDS="2") as found:
        yield found


async def upload(port: int, begin: bytes, door: asyncio.Semaphore) -> bytes:
    """Send the beginning, then byte after byte, until the server hangs up; return what it said."""
    async with door:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context("http/1.1"))
    said = b""
    with suppress(ConnectionError, ssl.SSLError):
        writer.write(begin)
        while True:
            with suppress(TimeoutError):
                more = await asyncio.wait_for(reader.read(65536), 0.5)
                if not more:
                    break
                said += more
                continue
            writer.write(b" ")
            await writer.drain()
    writer.transport.abort()
    return said


async def watched(stack: Stack, *uploads: bytes) -> tuple[list[bytes], int]:
    """Play the uploads side by side; return the answers and the most that was on disk."""
    port, most = stack.front.https, 0
    door = asyncio.Semaphore(16)  # a busy machine must not run into the limit for a TLS handshake
    tasks = [asyncio.ensure_future(upload(port, begin, door)) for begin in uploads]
    deadline = time.monotonic() + BOUND_SECONDS
    while not all(task.done() for task in tasks):
        left = sum(not task.done() for task in tasks)
        assert time.monotonic() < deadline, f"{left} uploads go on"
        most = max(most, stack.disk())
        await asyncio.sleep(0.5)
    return [task.result() for task in tasks], most


async def test_slow_uploads_without_a_key_end_and_leave_nothing_on_the_disk(stack: Stack) -> None:
    begin = head(STRANGER) + b'{"x":"' + b"y" * 150_000

    answers, most = await watched(stack, *[begin] * STRANGERS)

    statuses = [answer[:13] for answer in answers]
    assert {status: statuses.count(status) for status in statuses} == {b"HTTP/1.1 401 ": STRANGERS}
    assert most <= MOST_DISK


async def test_a_large_upload_with_a_key_is_not_collected_on_the_disk_either(stack: Stack) -> None:
    large = b'{"model":"tiny","messages":[{"role":"user","content":"%b"}]}' % (b"y" * 20 * MiB)
    begin = head(CUSTOMER, "Connection: close", length=len(large)) + large

    answers, most = await watched(stack, begin)

    assert answers[0].startswith(b"HTTP/1.1 200 ")
    assert most <= MOST_DISK


async def test_an_upload_with_a_key_that_drips_ends_with_a_408(stack: Stack) -> None:
    answers, _ = await watched(stack, head(CUSTOMER) + b'{"x":"')

    assert answers[0].startswith(b"HTTP/1.1 408 ")
    assert b"1024 bytes per second" in answers[0]


CHUNKED = head(STRANGER, "Transfer-Encoding: chunked").replace(b"Content-Length", b"X-Length")


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (head(STRANGER), b"401"),
        (head(STRANGER, "Expect: 100-continue"), b"401"),
        (CHUNKED, b"401"),
        (head(CUSTOMER, path="/nowhere"), b"404"),
        (head(CUSTOMER, path="/v1/models"), b"405"),
        (head(CUSTOMER, path="/v1/models", method="GET"), b"413"),
        (head(CUSTOMER, path="/health/live", method="GET"), b"200"),
        (head(CUSTOMER).replace(b"application/json", b"text/plain"), b"415"),
        (head(CUSTOMER, length=51 * MiB), b"413"),
    ],
)  # fmt: skip
async def test_what_the_head_decides_is_said_before_the_body(
    stack: Stack, begin: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", stack.front.https, ssl=context("http/1.1")
    )
    writer.write(begin)
    said = b""
    while b" %b " % status not in said:
        more = await asyncio.wait_for(reader.read(65536), 10)
        assert more, said
        said += more
    writer.transport.abort()


async def test_a_refused_client_can_read_its_refusal_after_all_of_its_body(stack: Stack) -> None:
    body = b'{"x":"%b"}' % (b"y" * 8 * MiB)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", stack.front.https, ssl=context("http/1.1")
    )
    writer.write(head(STRANGER, length=len(body)) + body)
    await asyncio.wait_for(writer.drain(), 30)  # it listens only when all is sent

    said = await asyncio.wait_for(reader.readuntil(b"invalid_api_key"), 10)

    assert said.startswith(b"HTTP/1.1 401 ")
    writer.transport.abort()


async def test_an_http2_upload_without_a_key_is_refused_by_its_head(stack: Stack) -> None:
    wire = h2.connection.H2Connection(h2.config.H2Configuration())
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", stack.front.https, ssl=context("h2")
    )
    wire.initiate_connection()
    fields = {":method": "POST", ":path": CHAT, ":authority": "gateway", ":scheme": "https"}
    fields |= {"content-type": "application/json", "content-length": str(ANNOUNCED)}
    wire.send_headers(1, list(fields.items()))
    wire.send_data(1, b"y" * 16_000)
    status = None
    while status is None:
        writer.write(wire.data_to_send())
        for event in wire.receive_data(await asyncio.wait_for(reader.read(65536), 10)):
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers or {})[b":status"]
    writer.transport.abort()

    assert status == b"401"
    assert stack.disk() <= MOST_DISK


async def test_a_request_is_never_sent_to_the_gateway_twice(stack: Stack) -> None:
    configuration = stack.front.conf.read_text()

    assert "proxy_next_upstream off;" in configuration
    assert configuration.count("proxy_request_buffering off;") == 1
    assert "proxy_request_buffering on" not in configuration
