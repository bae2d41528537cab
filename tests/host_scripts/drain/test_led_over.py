"""Clients of a host that drains, through the real nginx and the real gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from host.drain.order import Drain
from host_scripts.drain.lab import CHAT, PLAIN, STREAM, Lab, front_in, started
from host_scripts.front import Front

pytestmark = pytest.mark.host


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return front_in(tmp_path)


@pytest.fixture
async def lab(front: Front) -> AsyncIterator[Lab]:
    async with started(front) as found:
        yield found


LATER = 3600.0  # seconds: longer than a test


@pytest.mark.parametrize(("version", "number"), [("http1.1", "1.1"), ("http2", "2")])
async def test_a_running_stream_ends_whole_and_the_next_requests_open_new_connections(
    lab: Lab, version: str, number: str
) -> None:
    asked = asyncio.ensure_future(lab.ask(version, PLAIN, PLAIN, STREAM, *[PLAIN] * 4))
    await lab.running.wait()
    await lab.drain(Drain(time.time() + LATER, 30))
    lab.go_on.set()

    answers = await asked

    assert [answer.status for answer in answers] == [200] * 7
    assert {answer.version for answer in answers} == {number}
    assert [answer.connects for answer in answers] == [1, 0, 0, 1, 1, 1, 1]
    assert answers[2].is_whole


@pytest.mark.parametrize("version", ["http1.1", "http2"])
async def test_new_requests_are_refused_when_the_time_has_come_and_a_stream_still_ends_whole(
    lab: Lab, version: str
) -> None:
    asked = asyncio.ensure_future(lab.ask(version, STREAM))
    await lab.running.wait()
    await lab.drain(Drain(time.time() + LATER, 30))
    await lab.refuse()

    refused = await lab.ask(version, PLAIN, PLAIN)
    lab.go_on.set()
    [stream] = await asked

    assert [(answer.status, answer.connects) for answer in refused] == [(503, 1)] * 2
    assert all("retry-after: 30" in answer.head.lower() for answer in refused)
    assert json.loads(refused[0].body)["error"]["code"] == "host_draining"
    assert stream.is_whole


async def test_a_client_that_never_tries_again_sees_no_failure(lab: Lab) -> None:
    url = f"https://127.0.0.1:{lab.front.https}{CHAT}"
    async with httpx.AsyncClient(verify=False) as client:  # noqa: S501 - our own
        statuses = [(await client.post(url, json=PLAIN)).status_code for _ in range(3)]
        await lab.drain(Drain(time.time() + LATER, 30))
        statuses += [(await client.post(url, json=PLAIN)).status_code for _ in range(3)]

    assert statuses == [200] * 6


async def test_an_order_that_is_withdrawn_keeps_connections_again(lab: Lab) -> None:
    await lab.drain(Drain(time.time() + LATER, 30))
    await lab.drain(None)

    answers = await lab.ask("http2", PLAIN, PLAIN, PLAIN)

    assert [(answer.status, answer.connects) for answer in answers] == [
        (200, 1),
        (200, 0),
        (200, 0),
    ]
