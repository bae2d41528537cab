"""The rendered nginx.conf in a real nginx: what it accepts, what it says, how long it waits."""

from __future__ import annotations

import itertools
import json
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.front import Front, Upstream, serve
from host_scripts.sandbox import SETTINGS, render
from patience import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.host
VALUES = {"endpoint_host": "infer.example.com", "email": ""}
HEADERS = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return nginx with one second for ordinary paths and ten for inference."""
    with serving(tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Front]:
    """Return nginx that lets an address send one inference request a minute, and ten at once."""
    with serving(tmp_path, requests_per_minute_per_address=1) as front:
        yield front


@contextmanager
def serving(folder: Path, **values: Any) -> Iterator[Front]:
    folder.chmod(0o755)
    front = Front(folder, **VALUES, default_timeout_seconds=1, max_timeout_seconds=10, **values)
    upstream, process = serve(front.up), front.start()
    yield front
    process.terminate()
    process.wait(10)
    upstream.shutdown()
    upstream.server_close()


def locations(text: str) -> dict[str, str]:
    return dict(re.findall(r"location ([^{]+) \{\n(.*?)\n        \}", text, re.DOTALL))


@pytest.mark.parametrize(
    ("host", "seconds", "per_minute"),
    [
        *itertools.product(["", "infer.example.com"], [(90, 600), (1, 3600)], [None]),
        *itertools.product([""], [(90, 600)], [1, 59, 60, 61, 100_000]),
    ],
)
def test_b8_nginx_accepts_every_variant_without_a_word_of_warning(
    tmp_path: Any, host: str, seconds: tuple[int, int], per_minute: int | None
) -> None:
    default, longest = seconds
    front = Front(
        tmp_path,
        endpoint_host=host,
        email="",
        default_timeout_seconds=default,
        max_timeout_seconds=longest,
        requests_per_minute_per_address=per_minute,
    )

    done = front.check()

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr.replace('"user" directive', "")


def test_every_location_that_proxies_keeps_the_upstream_connection() -> None:
    found = locations(render("nginx.conf.j2", **SETTINGS)).values()
    proxied = [body for body in found if "proxy_pass" in body]

    assert len(proxied) == 4
    for body in proxied:
        assert "proxy_http_version 1.1;" in body
        assert 'proxy_set_header Connection "";' in body


def test_the_time_limits_are_the_settings() -> None:
    found = locations(render("nginx.conf.j2", **SETTINGS))

    waits = {path: re.search(r"proxy_read_timeout (\w+);", body) for path, body in found.items()}
    assert {path: wait[1] for path, wait in waits.items() if wait} == {
        "~ ^/health(/|$)": "5s",
        "= /v1/models": "90s",
        "~ ^/(v1/|v2/|score$|rerank$|pooling$|classify$)": "600s",
        "/": "90s",
    }


def test_inference_is_not_buffered() -> None:
    found = locations(render("nginx.conf.j2", **SETTINGS))

    unbuffered = [path for path, body in found.items() if "proxy_buffering off;" in body]
    assert unbuffered == ["~ ^/(v1/|v2/|score$|rerank$|pooling$|classify$)"]


def test_plain_http_only_redirects_and_serves_challenges(front: Front) -> None:
    challenge = front.folder / "acme" / ".well-known" / "acme-challenge" / "token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("proof")
    answers = {}

    for path in ("/v1/models?a=b", "/health", "/.well-known/acme-challenge/token"):
        with socket.create_connection(("127.0.0.1", front.http), timeout=5) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answers[path] = plain.makefile("rb").read().decode()

    redirect = "Location: https://infer.example.com/v1/models?a=b"
    assert redirect in answers["/v1/models?a=b"]
    assert " 301 " in answers["/health"]
    assert answers["/.well-known/acme-challenge/token"].endswith("proof")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/absent", "/health", "/reset", "/slow"])
def test_the_security_headers_stand_once_on_every_answer(front: Front, path: str) -> None:
    answer = front.ask(path)

    assert {name: answer.headers.get_all(name) for name in HEADERS} == {
        name: [value] for name, value in HEADERS.items()
    }
    assert answer.headers["server"] == "nginx"


def test_http2_is_offered_over_a_modern_tls(front: Front) -> None:
    with front.tls("h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.version() == "TLSv1.3"


def test_http_0_9_never_reaches_the_gateway(front: Front) -> None:
    Upstream.seen.clear()
    with front.tls() as connection:
        connection.sendall(b"GET /v1/models\r\n")
        answer = connection.recv(4096)

    assert b'"code":"invalid_request"' in answer
    assert Upstream.seen == []


def test_an_ordinary_path_is_given_up_in_the_shape_that_clients_read(front: Front) -> None:
    answer = front.ask("/slow")

    assert answer.status == 504
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["error"]["code"] == "gateway_timeout"


def test_inference_may_take_longer(front: Front) -> None:
    assert front.ask("/v1/chat/completions", "POST", body="{}").status == 200


def test_a_slow_request_blocks_no_other(front: Front) -> None:
    assert [front.ask("/slow").status for _ in range(2)] == [504, 504]

    assert front.ask("/v1/models").status == 200
    assert " max_fails=0;" in front.conf.read_text()  # nginx spares a lone server; two it would not


def test_a_gateway_that_hangs_up_is_said_to_be_restarting(front: Front) -> None:
    answer = front.ask("/reset")

    assert answer.status == 502
    assert json.loads(answer.body)["error"]["code"] == "gateway_restarting"


def test_a_body_of_more_than_50_mib_is_refused_before_it_is_sent(front: Front) -> None:
    answer = front.ask("/v1/embeddings", "POST", headers={"Content-Length": str(51 * 1024**2)})

    assert answer.status == 413
    assert json.loads(answer.body)["error"]["code"] == "request_too_large"


def test_a_stream_arrives_piece_by_piece(front: Front) -> None:
    Upstream.first_read.clear()

    with front.asking("/v1/stream") as answer:
        first = answer.read1(5)
        Upstream.first_read.set()
        rest = answer.read()

    assert (first, rest) == (b"first", b"last")


def test_the_gateway_learns_the_clients_address_which_cannot_be_forged(front: Front) -> None:
    Upstream.seen.clear()

    front.ask("/v1/models", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http"})

    _, headers, _ = Upstream.seen[-1]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"


def test_connections_to_the_gateway_are_used_again(front: Front) -> None:
    Upstream.seen.clear()

    for _ in range(12):
        front.ask("/v1/models")

    ports = {port for _, _, port in Upstream.seen}
    assert len(Upstream.seen) == 12
    assert len(ports) < 12


def test_a_key_in_the_query_reaches_no_log(front: Front) -> None:
    front.ask("/v1/models/asked-with-a-key?api_key=sk-planted")

    # A line is written after its answer was sent.
    logs = eventually(front.logs, lambda text: "/v1/models/asked-with-a-key" in text, 10)
    assert "sk-planted" not in logs


@pytest.mark.parametrize("path", ["/reset", "/v1/slow/reset"])
def test_a_key_in_the_query_of_a_request_that_fails_reaches_no_log(front: Front, path: str) -> None:
    front.ask(f"{path}?api_key=sk-planted")

    logs = eventually(front.logs, lambda text: f"{path} 50" in text, 10)
    assert "sk-planted" not in logs


def test_without_a_limit_an_address_may_ask_as_often_as_it_likes(front: Front) -> None:
    assert "limit_req" not in front.conf.read_text()

    assert {front.ask("/v1/embeddings", "POST", body="{}").status for _ in range(50)} == {200}


def test_with_a_limit_the_burst_passes_and_the_next_request_is_refused(limited: Front) -> None:
    answers = [limited.ask("/v1/embeddings", "POST", body="{}") for _ in range(13)]

    assert [answer.status for answer in answers] == [200] * 11 + [429] * 2
    error = json.loads(answers[-1].body)["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert answers[-1].headers["content-type"] == "application/json"
    assert answers[-1].headers["retry-after"] == "60"
    assert answers[0].headers["retry-after"] is None
    assert {name: answers[-1].headers.get_all(name) for name in HEADERS} == {
        name: [value] for name, value in HEADERS.items()
    }


def test_with_a_limit_only_inference_is_limited(limited: Front) -> None:
    for _ in range(12):
        limited.ask("/v1/embeddings", "POST", body="{}")

    paths = ["/health", "/health/live", "/v1/models", "/", "/status"]
    assert {path: limited.ask(path).status for path in paths * 3} == dict.fromkeys(paths, 200)
    assert limited.ask("/v1/embeddings", "POST", body="{}").status == 429
    assert limited.ask("/score", "POST", body="{}").status == 429


def test_a_refused_key_in_the_query_reaches_no_log(limited: Front) -> None:
    for _ in range(12):
        limited.ask("/v1/refused-with-a-key?api_key=sk-planted")

    logs = eventually(limited.logs, lambda text: "/v1/refused-with-a-key 429" in text, 10)
    assert "sk-planted" not in logs


@pytest.mark.parametrize(
    ("per_minute", "burst", "seconds"),
    [(1, 10, 60), (7, 10, 9), (100, 10, 1), (100_000, 10_000, 1)],
)
def test_the_burst_is_a_tenth_and_a_request_comes_free_after_its_share_of_a_minute(
    per_minute: int, burst: int, seconds: int
) -> None:
    text = render("nginx.conf.j2", **SETTINGS, requests_per_minute_per_address=per_minute)

    assert f"rate={per_minute}r/m;" in text
    assert f"limit_req zone=requests burst={burst} nodelay;" in text
    assert f'"429 " {seconds};' in text


def test_the_gateways_own_refusal_keeps_its_own_word_on_when_to_come_back(front: Front) -> None:
    answer = front.ask("/v1/busy")

    assert answer.status == 429
    assert answer.headers.get_all("retry-after") == ["7"]
