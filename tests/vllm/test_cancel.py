"""Whoever leaves frees the engine: seen in vLLM's own gauge, in every phase of a request."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import Any

import pytest
from patience import eventually
from vllmlab.asking import LONG_ANSWERS, chat, long_answer
from vllmlab.engine import Engine
from vllmlab.gate import KEY, Gate

CHAT = "/v1/chat/completions"
# Ours is some milliseconds; vLLM's part is up to 0.1 s, and a look at its gauge takes its time.
FREED_SECONDS = 0.5


def ask(door: Gate, path: str, body: dict[str, Any]) -> socket.socket:
    host, port = door.url.removeprefix("http://").split(":")
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    client = socket.create_connection((host, int(port)), timeout=30)
    client.sendall(head.encode() + data)
    return client


def read(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += client.recv(65536)
    return found


def freed(engine: Engine, phase: str) -> None:
    began = time.monotonic()
    eventually(engine.running, lambda seen: seen == 0, 10)
    took = time.monotonic() - began
    print(f"{phase}: the engine was free after {took:.3f} s")  # noqa: T201 -- measured for people
    assert took < FREED_SECONDS


def is_at_work(engine: Engine) -> None:
    eventually(engine.running, lambda seen: seen == 1, 10)


@pytest.mark.parametrize("path", LONG_ANSWERS)
def test_leaving_before_a_whole_answer_frees_the_engine(
    door: Gate, engine: Engine, path: str
) -> None:
    client = ask(door, path, long_answer(path))
    is_at_work(engine)

    client.close()

    freed(engine, f"{path}, before the headers")


@pytest.mark.parametrize("path", LONG_ANSWERS)
def test_leaving_a_stream_frees_the_engine(door: Gate, engine: Engine, path: str) -> None:
    before = door.metric("client_left_total")
    client = ask(door, path, long_answer(path, stream=True))
    read(client, 20_000)
    is_at_work(engine)

    client.close()

    freed(engine, f"{path}, in the middle of its stream")
    assert door.metric("client_left_total") - before == 1


def test_leaving_a_stream_that_is_silent_frees_the_engine(door: Gate, engine: Engine) -> None:
    client = ask(door, CHAT, long_answer(CHAT, stream=True))
    read(client, 20_000)
    core = engine.core()
    os.kill(core, signal.SIGSTOP)
    try:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            read(client, 100_000_000)
        client.close()
        began = time.monotonic()
        eventually(door.at_work, lambda seen: seen == 0, 2)
        assert time.monotonic() - began < FREED_SECONDS
        assert door.metric("backend_outstanding") == 0
    finally:
        os.kill(core, signal.SIGCONT)

    freed(engine, "a silent stream, from the engine's awakening")


def test_leaving_the_queue_leaves_the_engine_alone(engine: Engine, narrow: Gate) -> None:
    first = ask(narrow, CHAT, long_answer(CHAT, stream=True))
    read(first, 20_000)
    begun = engine.gauge("vllm:prompt_tokens_total")
    second = ask(narrow, CHAT, chat(stream=True))
    eventually(lambda: narrow.metric("queued"), lambda seen: seen == 1, 2)

    second.close()

    eventually(lambda: narrow.metric("queued"), lambda seen: seen == 0, FREED_SECONDS)
    first.close()
    freed(engine, "the stream that it waited for")
    assert engine.gauge("vllm:prompt_tokens_total") == begun


def test_who_waits_is_served_once_the_engine_is_free(engine: Engine, narrow: Gate) -> None:
    first = ask(narrow, CHAT, long_answer(CHAT, stream=True))
    read(first, 20_000)
    second = ask(narrow, CHAT, chat())
    eventually(lambda: narrow.metric("queued"), lambda seen: seen == 1, 2)

    first.close()

    assert read(second, 12).startswith(b"HTTP/1.1 200")
    second.close()
