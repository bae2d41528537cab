"""What passes is a list; everything else is answered here."""

import pytest
from gateway import VERSION
from gateway.core.endpoints import ENDPOINTS, Body
from gatewaylab.model_server import ModelServer
from gatewaylab.running import Running

ADMIN = [
    "/sleep",
    "/wake_up",
    "/is_sleeping",
    "/pause",
    "/collective_rpc",
    "/reset_prefix_cache",
    "/update_weights",
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/scale_elastic_ep",
    "/server_info",
    "/start_profile",
    "/invocations",
    "/ping",
    "/load",
    "/schema",
]
SPELLINGS = [
    "//v1/models",
    "/v1/models/",
    "/v1//models",
    "/V1/models",
    "/v1/chat/completions/",
    "/v1/chat/completions/../../../sleep",
    "/v1/%6dodels",
    "/health/../sleep",
    "/health/nothing",
    "/v1/chat%2Fcompletions",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_admin_paths_are_unknown_and_never_reach_the_model_server(
    gateway: Running, model_server: ModelServer, method: str
) -> None:
    answers = [await gateway.client.request(method, path, content=b"{}") for path in ADMIN]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["error"]["code"] for answer in answers} == {"unknown_url"}
    assert model_server.inference() == []


@pytest.mark.parametrize("path", SPELLINGS)
async def test_other_spellings_of_a_path_are_other_paths(
    gateway: Running, model_server: ModelServer, path: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

    answer = await gateway.raw(head.encode())

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"unknown_url"' in answer
    assert model_server.inference() == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/tokenize", "POST"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/tiny", "GET"),
        ("POST", "/version", "GET"),
        ("POST", "/health", "GET"),
        ("PUT", "/health/live", "GET"),
    ],
)
async def test_the_wrong_method_is_told_the_right_one(
    gateway: Running, model_server: ModelServer, method: str, path: str, allow: str
) -> None:
    answer = await gateway.client.request(method, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert allow in answer.headers["allow"].replace(" ", "").split(",")
    assert model_server.inference() == []


@pytest.mark.parametrize(
    "path",
    [path for path, endpoint in ENDPOINTS.items() if endpoint.body is Body.JSON],
)
async def test_every_endpoint_passes_without_its_query(
    gateway: Running, model_server: ModelServer, path: str
) -> None:
    await gateway.client.post(f"{path}?verbose=1", json={})

    assert [call.path for call in model_server.inference()] == [path]


async def test_the_version_is_the_model_servers_and_ours(gateway: Running) -> None:
    answer = await gateway.client.get("/version")

    assert answer.json() == {"version": "0.11.0", "proxy_version": VERSION}


async def test_only_listed_headers_pass_and_never_the_key(
    gateway: Running, model_server: ModelServer
) -> None:
    answer = await gateway.client.post(
        "/v1/completions",
        json={},
        headers={
            "x-request-id": "req-1",
            "traceparent": "00-1-2-01",
            "cookie": "secret=1",
            "x-forwarded-for": "1.2.3.4",
            "te": "trailers",
            "proxy-authorization": "Basic x",
        },
    )

    call = await model_server.called()
    assert set(call.headers) == {
        "host", "content-type", "content-length", "accept", "traceparent", "x-request-id",
    }  # fmt: skip
    assert "server" not in answer.headers


@pytest.mark.parametrize("given", [None, "two words", "x" * 129, "a,b", "\u00e9"])
async def test_a_request_without_a_usable_id_gets_one(
    gateway: Running, model_server: ModelServer, given: str | None
) -> None:
    headers = {b"x-request-id": given.encode()} if given else {}

    answer = await gateway.client.get("/version", headers=headers)

    call = await model_server.called()
    assert answer.headers["x-request-id"] == call.headers["x-request-id"]
    assert len(call.headers["x-request-id"]) == 32


async def test_a_request_keeps_the_id_it_came_with(
    gateway: Running, model_server: ModelServer
) -> None:
    answer = await gateway.client.get("/version", headers={"x-request-id": "trace.7_a-B"})

    call = await model_server.called()
    assert answer.headers.get_list("x-request-id") == ["trace.7_a-B"]
    assert call.headers["x-request-id"] == "trace.7_a-B"
