"""Backends elsewhere: with a base path, a key and headers of their own, a private authority."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.document import InvalidSetting
from gatewaylab.certificates import certified
from gatewaylab.model_server import Call, ModelServer, chat, models
from gatewaylab.running import Start
from gatewaylab.speeches import CHAT


@pytest.mark.parametrize("base", ["/llm/a", "/llm/a/", "/llm/a/v1"])
async def test_a_backend_may_be_below_a_path_and_want_headers(
    start: Start, model_server: ModelServer, tmp_path: Path, base: str
) -> None:
    key = tmp_path / "key"
    key.write_text("sk-theirs")
    model_server.on = {
        "/llm/a/v1/chat/completions": chat,
        "/llm/a/v1/models": models,
        "/llm/a/health": model_server.on["/health"],
    }
    backend = BackendSettings(
        model_server.origin + base, api_key_file=key, headers={"X-Team": "blue"}
    )
    gateway = await start(backends=(backend,))

    answer = await gateway.chat()

    assert answer.status_code == 200
    assert {call.headers.get("x-team") for call in model_server.calls} == {"blue"}
    assert {call.headers["authorization"] for call in model_server.calls} == {"Bearer sk-theirs"}


@pytest.mark.parametrize(
    "headers",
    [{"host": "x"}, {"Content-Length": "1"}, {"a b": "c"}, {"x": "a\r\nb: c"}, {"x": "\u00e9"}],
)
def test_a_header_that_would_change_the_request_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting, match="headers"):
        BackendSettings("http://a", headers=headers)


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[tuple[ModelServer, Path]]:
    context, authority = certified(tmp_path)
    async with ModelServer(tls=context) as server:
        yield server, authority


async def test_a_private_authority_is_trusted_where_it_is_named(
    start: Start, private: tuple[ModelServer, Path]
) -> None:
    server, authority = private
    gateway = await start(backends=(BackendSettings(server.origin, ca_file=authority),))

    assert (await gateway.chat()).status_code == 200
    assert gateway.gateway.routing.backends[0].state == "up"


async def test_a_certificate_that_is_not_trusted_is_named(
    start: Start, private: tuple[ModelServer, Path], caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = private
    gateway = await start(backends=(BackendSettings(server.origin),))

    answer = await gateway.chat()
    status = (await gateway.client.get("/status")).json()

    assert answer.status_code == 503
    assert "certificate is not accepted" in status["backends"][0]["problem"]
    assert "certificate is not accepted" in caplog.text
    assert str(server.port) not in status["backends"][0]["problem"]


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    from gateway.backends.backend import trusted  # noqa: PLC0415

    path = tmp_path / "ca.pem"
    path.write_text("no certificate")

    with pytest.raises(InvalidSetting, match="ca_file"):
        trusted(BackendSettings("https://a", ca_file=path))


async def test_a_rank_reaches_the_engine(start: Start, model_server: ModelServer) -> None:
    async def answer(call: Call) -> None:
        call.reply(b"{}")

    model_server.on[CHAT.path] = answer
    gateway = await start()
    gateway.client.headers["x-data-parallel-rank"] = "3"

    await gateway.chat()

    assert model_server.inference()[0].headers["x-data-parallel-rank"] == "3"
