"""The engine ends: told in the streams that it breaks off, and over once it is back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from patience import eventually
from vllmlab.asking import LONG_ANSWERS, chat, long_answer
from vllmlab.engine import START_SECONDS, Engine
from vllmlab.gate import Gate

CHAT = "/v1/chat/completions"
Told = dict[str, Future[tuple[int, str]]]

# What the stream of each path has to say at its end, whoever says it: vLLM or the gateway.
IN_BAND = {
    "/v1/chat/completions": 'data: {"error":',
    "/v1/completions": 'data: {"error":',
    "/v1/responses": "event: error\n",
    "/v1/messages": "event: error\n",
}


@pytest.fixture
def told(door: Gate, engine: Engine) -> Iterator[Told]:
    """Lend long answers under way: of each path a stream, and `whole`."""
    asked = {path: (path, long_answer(path, stream=True)) for path in LONG_ANSWERS}
    asked["whole"] = (CHAT, long_answer(CHAT))
    asked["whole message"] = ("/v1/messages", long_answer("/v1/messages"))
    with ThreadPoolExecutor(len(asked)) as pool:
        futures = {name: pool.submit(take, door, *one) for name, one in asked.items()}
        eventually(engine.running, lambda seen: seen == len(asked), 20)
        time.sleep(0.5)
        yield futures


def take(door: Gate, path: str, body: dict[str, object]) -> tuple[int, str]:
    with door.client.stream("POST", path, json=body) as answer:
        return answer.status_code, "".join(answer.iter_text())


def is_told(told: Told) -> None:
    for path, event in IN_BAND.items():
        status, text = told[path].result(60)
        last = text.split("\n\n")[-3:]
        assert status == 200, text[-500:]
        assert len(text) > 3000, "no token came before"
        assert any(one.startswith(event) or event in f"{one}\n" for one in last), text[-500:]
        assert "message_stop" not in "".join(last)
    for name in ("whole", "whole message"):
        status, text = told[name].result(60)
        assert status in {502, 503}, text[-500:]
        assert json.loads(text)["error"]["message"]


def test_a_death_in_the_middle_is_told_and_over_once_the_engine_is_back(
    door: Gate, engine: Engine, told: Told
) -> None:
    incomplete = door.metric("streams_incomplete_total")
    began = time.monotonic()

    os.kill(engine.core(), signal.SIGKILL)

    is_told(told)
    print(f"told everybody {time.monotonic() - began:.2f} s after the death")  # noqa: T201
    assert door.metric("streams_incomplete_total") - incomplete == len(IN_BAND)
    eventually(lambda: engine.is_running, lambda seen: not seen, 20)
    away = door.post(CHAT, chat())
    assert away.status_code == 503
    assert 1 <= int(away.headers["retry-after"]) <= 120
    engine.launch()
    seen = set()
    began = time.monotonic()
    while (answer := door.post(CHAT, chat())).status_code != 200:
        seen.add((answer.status_code, answer.json()["error"]["code"]))
        assert time.monotonic() - began < START_SECONDS
        time.sleep(0.5)
    print(f"200 again {time.monotonic() - began:.1f} s after the start; {seen}")  # noqa: T201
    assert {status for status, _ in seen} == {503}
    engine.ensure()


def test_a_stop_in_the_middle_is_told(door: Gate, engine: Engine, told: Told) -> None:
    """vLLM ends in one of two ways: at once, or it falls silent and waits for its clients."""
    incomplete = door.metric("streams_incomplete_total")

    began = time.monotonic()
    engine.stop(patience=5)
    print(f"vLLM was gone {time.monotonic() - began:.1f} s after SIGTERM")  # noqa: T201

    is_told(told)
    assert door.metric("streams_incomplete_total") - incomplete == len(IN_BAND)
