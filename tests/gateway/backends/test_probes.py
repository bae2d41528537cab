"""The gateway looks at its backends, and learns what they serve and when they are gone."""

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gateway.backends import probes
from gateway.backends.backend import Backend
from gateway.backends.host_status import HostStatus
from gateway.backends.probes import Probes
from gateway.backends.routing import Routing
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.gateway_settings import Settings
from gatewaylab.model_server import Call, ModelServer, not_served, until

FAST = 0.02


@pytest.fixture
async def model_server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@asynccontextmanager
async def probing(*backends: BackendSettings, **settings: object) -> AsyncIterator[Routing]:
    routing = Routing(
        Settings(**{"backends": backends, "probe_seconds": FAST} | settings),
        [Backend(one) for one in backends],
        HostStatus(None),
    )
    looking = Probes(routing, HostStatus(None))
    task = asyncio.create_task(looking.run())
    await asyncio.wait_for(looking.all_probed.wait(), 5)
    yield routing
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def at(server: ModelServer, **settings: object) -> BackendSettings:
    return BackendSettings(url=server.origin, **settings)


async def status(call: Call, line: str) -> None:
    call.reply(b"", line)


async def test_what_a_backend_serves_is_learned_before_the_first_look_is_over(
    model_server: ModelServer,
) -> None:
    async with probing(at(model_server)) as routing:
        (backend,) = routing.backends

        assert (backend.state, backend.models) == ("up", {"tiny", "org/large"})
        assert [one["id"] for one in json.loads(routing.models_document())["data"]] == [
            "tiny",
            "org/large",
        ]


async def test_a_backend_that_is_not_there_is_down_and_found_when_it_comes(
    model_server: ModelServer,
) -> None:
    port = model_server.port
    await model_server.__aexit__()
    async with probing(BackendSettings(url=f"http://127.0.0.1:{port}")) as routing:
        (backend,) = routing.backends
        assert (backend.state, backend.refuses) == ("down", True)

        server = await asyncio.start_server(model_server._accept, "127.0.0.1", port)
        async with server:
            await until(lambda: backend.state == "up")
            assert backend.models == {"tiny", "org/large"}
    await model_server.__aexit__()


async def test_a_503_is_loading_and_another_5xx_is_down(model_server: ModelServer) -> None:
    model_server.on["/health"] = lambda call: status(call, "503 Service Unavailable")
    async with probing(at(model_server)) as routing:
        (backend,) = routing.backends
        assert backend.state == "loading"

        model_server.on["/health"] = lambda call: status(call, "500 Internal Server Error")
        await until(lambda: backend.state == "down")
        assert not backend.refuses

        model_server.on["/health"] = lambda call: status(call, "200 OK")
        await until(lambda: backend.state == "up")


async def test_a_server_without_health_is_up_if_it_answers(model_server: ModelServer) -> None:
    model_server.on["/health"] = not_served

    async with probing(at(model_server)) as routing:
        assert routing.backends[0].models == {"tiny", "org/large"}


@pytest.mark.parametrize("path", ["/v1/models", "both"])
async def test_a_server_that_does_not_list_its_models_is_asked_for_any(
    model_server: ModelServer, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    model_server.on["/v1/models"] = not_served
    if path == "both":
        model_server.on["/health"] = not_served

    async with probing(at(model_server)) as routing:
        await asyncio.sleep(5 * FAST)

        assert routing.resolve("anything").backends == routing.backends
        assert caplog.text.count("could not read the models") == 1


@pytest.mark.parametrize("code", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize("shown", [False, True])
async def test_a_server_that_asks_for_another_key_is_told_with_what_to_do(
    model_server: ModelServer,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    code: str,
    *,
    shown: bool,
) -> None:
    file = tmp_path / "key"
    file.write_text("sk-upstream")
    model_server.on["/v1/models"] = lambda call: status(call, code)

    async with probing(at(model_server, api_key_file=file if shown else None)):
        await asyncio.sleep(5 * FAST)

    (said,) = [one for one in caplog.messages if "could not read the models" in one]
    assert f"it answers {code[:3]}" in said
    assert ("INFERENCE_BACKEND_KEY_FILE" in said) != shown
    assert (f"does not accept the key in {file}" in said) == shown
    assert "sk-upstream" not in caplog.text


async def test_models_that_do_not_end_are_not_read_to_the_end(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_LARGEST_ANSWER", 100_000)

    async def endless(call: Call) -> None:
        call.head()
        while True:
            call.write(b" " * 10_000)
            await call.writer.drain()

    model_server.on["/v1/models"] = endless

    async with probing(at(model_server)) as routing:
        assert routing.backends[0].state == "up"


async def test_another_model_after_a_restart_is_noticed(model_server: ModelServer) -> None:
    async with probing(at(model_server)) as routing:
        (backend,) = routing.backends
        model_server.on["/health"] = lambda call: status(call, "503 Service Unavailable")
        await until(lambda: backend.state == "loading")

        model_server.on["/v1/models"] = lambda call: _reply(call, b'{"data":[{"id":"new"}]}')
        model_server.on["/health"] = lambda call: status(call, "200 OK")
        await until(lambda: backend.state == "up")

        assert backend.models == {"new"}


async def _reply(call: Call, body: bytes) -> None:
    call.reply(body)


async def silence(call: Call) -> None:
    await call.silence()


@pytest.mark.parametrize("outstanding", [0, 1])
async def test_a_silent_backend_is_down_only_if_it_has_nothing_to_do(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, outstanding: int
) -> None:
    monkeypatch.setattr(probes, "TIMEOUT_SECONDS", 0.05)
    async with probing(at(model_server)) as routing:
        (backend,) = routing.backends
        backend.outstanding = outstanding
        looks = len(model_server.calls)

        model_server.on["/health"] = silence
        await until(lambda: len(model_server.calls) > looks + probes.SILENT_TIMES + 2)

        assert backend.state == ("up" if outstanding else "down")
        assert not backend.refuses


async def test_one_silent_backend_does_not_keep_the_others_from_being_looked_at(
    model_server: ModelServer,
) -> None:
    async with ModelServer() as other, probing(at(model_server), at(other)) as routing:
        model_server.on["/health"] = silence
        other.on["/health"] = lambda call: status(call, "503 Service Unavailable")

        await until(lambda: routing.backends[1].state == "loading", 1.5)


async def test_an_ejected_backend_is_taken_back_by_a_good_look(model_server: ModelServer) -> None:
    async with ModelServer() as other, probing(at(model_server), at(other)) as routing:
        backend = routing.backends[0]
        now = asyncio.get_running_loop().time()
        for _ in range(5):
            backend.failed(now)
        assert backend.ejected_until > now

        await until(lambda: not backend.ejected_until)


async def test_a_look_shows_the_backend_our_key(model_server: ModelServer, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret\n")

    async with probing(at(model_server, api_key_file=key)) as routing:
        assert {call.headers["authorization"] for call in model_server.calls} == {
            "Bearer sk-secret"
        }
        assert "secret" not in repr(routing.backends[0])


async def test_a_gateway_without_an_engine_looks_at_nothing(model_server: ModelServer) -> None:
    async with probing(at(model_server), engine_enabled=False):
        await asyncio.sleep(5 * FAST)

        assert model_server.calls == []


async def test_looks_are_no_lines_in_the_log(
    model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async with probing(at(model_server)):
        await asyncio.sleep(5 * FAST)

    assert [record.getMessage() for record in caplog.records] == ["backend is up"]


async def test_a_backend_with_a_certificate_is_looked_at_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async with ModelServer() as inner:
        server = await asyncio.start_server(inner._accept, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with server, probing(BackendSettings(url=f"https://127.0.0.1:{port}")) as routing:
            assert routing.backends[0].models == {"tiny", "org/large"}


def certified(folder: Path) -> Path:
    """Return a file with a key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "backend")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "backend.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("answer", ["200 OK", "401 Unauthorized", "404 Not Found", "429 Too Many"])
async def test_a_fallback_is_looked_at_seldom_and_for_what_costs_nothing(
    model_server: ModelServer, answer: str
) -> None:
    async with ModelServer() as api:
        api.on["/v1/models"] = lambda call: status(call, answer)
        fallback = at(api, fallback=True, models=("tiny",), names={"tiny": "theirs"})
        async with probing(at(model_server), fallback) as routing:
            await until(lambda: len(model_server.calls) > 10)

            assert routing.backends[1].state == "up"
            assert [call.path for call in api.calls] == ["/v1/models"]


async def test_a_fallback_that_is_down_is_no_outage_of_the_engine(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "UNWELL_FALLBACK_SECONDS", FAST)
    async with ModelServer() as api:
        api.on["/v1/models"] = lambda call: status(call, "503 Service Unavailable")
        async with probing(at(model_server), at(api, fallback=True)) as routing:
            own, other = routing.backends
            assert (own.state, other.state) == ("up", "down")

            del api.on["/v1/models"]
            await until(lambda: other.state == "up")


async def test_a_fallback_without_models_learns_them_under_the_names_that_they_have_here(
    model_server: ModelServer,
) -> None:
    model_server.on["/health"] = lambda call: status(call, "503 Service Unavailable")
    async with (
        ModelServer() as api,
        probing(at(model_server), at(api, fallback=True, names={"mine": "tiny"})) as routing,
    ):
        listed = json.loads(routing.models_document())["data"]

        assert {one["id"] for one in listed} == {"mine", "org/large"}
        assert routing.backends[1].models == {"mine", "org/large"}
