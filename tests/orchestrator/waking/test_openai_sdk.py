"""The OpenAI SDK in front of a deployment that sleeps: its waits pass on the account's clock."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from openai import _base_client
from orchestrator.deployments import lifecycle, stopping

MESSAGES = [{"role": "user", "content": "Hello"}]
SECONDS = 150
ANSWER = {
    "id": "x", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [
        {
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "awake"},
        }
    ],
}  # fmt: skip


class Site:
    """Under /demo the waker, else the deployment's host, which serves after so many seconds."""

    def __init__(self, waker) -> None:
        self.waker, self.clock = waker, waker.workflow.account.clock
        self.asked: list[int] = []
        self.serves_at: float | None = None

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        ledger = self.waker.workflow.ledger
        if self.serves_at is not None and self.clock.seconds >= self.serves_at:
            lifecycle.record_serving(ledger, "outside")
            if not path.startswith("/demo/"):
                return 200, {"content-type": "application/json"}, json.dumps(ANSWER).encode()
        found = self.waker.ask(path=path, headers=headers)
        if self.waker.started and self.serves_at is None:
            stopping.begin_start(ledger)
            self.serves_at = self.clock.seconds + SECONDS
        sent = found.pop("headers")
        return found.pop("status"), sent, json.dumps({"error": found}).encode()


@contextmanager
def listening(site: Site) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            lowered = {key.lower(): value for key, value in self.headers.items()}
            status, headers, body = site.answer(self.path, lowered)
            site.asked.append(status)
            self.send_response(status)
            for key, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output free of access logs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(waker, monkeypatch):
    waker.workflow.ledger.record(start_seconds=f"[{SECONDS}]")
    monkeypatch.setattr(_base_client.time, "sleep", waker.workflow.account.clock.advance)
    return Site(waker)


def test_with_five_retries_a_client_waits_until_it_is_awake(site):
    with (
        listening(site) as url,
        openai.OpenAI(api_key=site.waker.key(), base_url=f"{url}/demo/v1", max_retries=5) as client,
    ):
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(model="m", messages=MESSAGES)
        host = client.with_options(base_url=f"{url}/v1")
        found = host.chat.completions.create(model="m", messages=MESSAGES)

    assert site.asked == [503, 503, 503, 421, 200]  # after 60, 60 and 30 seconds
    assert "demo is awake: send requests to https://infer.example.com" in str(raised.value)
    assert found.choices[0].message.content == "awake"
    assert len({each["name"] for each in site.waker.started}) == 1


def test_the_default_clients_error_names_the_seconds_and_the_setting(site):
    with (
        listening(site) as url,
        openai.OpenAI(api_key=site.waker.key(), base_url=f"{url}/demo/v1") as client,
        pytest.raises(openai.InternalServerError) as raised,
    ):
        client.chat.completions.create(model="m", messages=MESSAGES)

    assert site.asked == [503] * 3
    assert "try again in 30 seconds" in str(raised.value)
    assert "max_retries=5" in str(raised.value)


def test_a_wrong_key_is_an_authentication_error_at_once(site):
    with (
        listening(site) as url,
        openai.OpenAI(api_key="sk-default-wrong", base_url=f"{url}/demo/v1") as client,
        pytest.raises(openai.AuthenticationError, match="not known here"),
    ):
        client.chat.completions.create(model="m", messages=MESSAGES)

    assert site.asked == [401]
    assert site.waker.started == []
