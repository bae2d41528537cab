"""The program: how it starts, what it refuses, what it logs, how it stops."""

import asyncio
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from gateway import VERSION
from gatewaylab.model_server import Call, ModelServer, until
from gatewaylab.running import KEY, post

CHAT = "/v1/chat/completions"
STREAMS = 700
COMMAND = (sys.executable, "-m", "gateway")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def launch(
    port: int, *arguments: str, limits: Callable[[], None] | None = None, **environment: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND, "--port", str(port), *arguments,
        env={"PATH": os.environ["PATH"]} | environment, preexec_fn=limits,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@asynccontextmanager
async def serving(
    model_server: ModelServer, keys_file: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    port = free_port()
    environment = {"INFERENCE_BACKENDS": model_server.origin, "INFERENCE_KEYS_FILE": str(keys_file)}
    process = await launch(port, **environment)
    headers = {"authorization": f"Bearer {KEY}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers
        ) as client:
            await until(lambda: accepts(port), seconds=20)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def stop(process: asyncio.subprocess.Process) -> list[dict[str, object]]:
    """Stop it the way a supervisor does; return its log lines."""
    process.send_signal(signal.SIGTERM)
    output, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")
    return [json.loads(line) for line in output.splitlines()]


async def test_sigterm_lets_a_running_stream_finish_and_lets_nobody_else_in(
    model_server: ModelServer, keys_file: Path
) -> None:
    go_on = asyncio.Event()

    async def slow(call: Call) -> None:
        call.start_stream()
        call.event("first")
        await go_on.wait()
        call.event("last", "stop")
        call.end_stream()

    model_server.on[CHAT] = slow
    async with serving(model_server, keys_file) as (process, client):
        async with client.stream("POST", CHAT, json={"stream": True}) as answer:
            pieces = answer.aiter_bytes()
            await anext(pieces)
            process.send_signal(signal.SIGTERM)
            await until(lambda: not accepts(client.base_url.port or 0))
            go_on.set()
            rest = b"".join([piece async for piece in pieces])
        code = await asyncio.wait_for(process.wait(), 10)

    assert b"last" in rest
    assert rest.endswith(b"data: [DONE]\n\n")
    assert code == 0


async def test_it_says_where_it_listens_once_it_does(
    model_server: ModelServer, keys_file: Path
) -> None:
    async with serving(model_server, keys_file) as (process, client):
        lines = await stop(process)

    (said,) = [line for line in lines if line["message"] == "listening"]
    assert said["url"] == f"{str(client.base_url).rstrip('/')}/v1"


async def test_nothing_is_said_to_listen_where_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        process = await launch(taken.getsockname()[1])
        output, _ = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode
    assert b'"listening"' not in output


async def test_a_terminal_gets_lines_that_a_person_can_read() -> None:
    ours, theirs = os.openpty()
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--port", str(port), env={"PATH": os.environ["PATH"]}, stdout=theirs
    )
    os.close(theirs)
    try:
        await until(lambda: accepts(port), seconds=20)
    finally:
        process.terminate()
        await process.wait()

    said = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert [line for line in said if line.startswith("{")] == []
    assert said[0][8:].startswith(" warning open to every process of this machine")
    assert f" listening, url=http://127.0.0.1:{port}/v1" in [line[8:] for line in said]


async def test_a_request_is_one_json_line_without_prompt_or_key(
    model_server: ModelServer, keys_file: Path
) -> None:
    body = {"model": "tiny", "stream": True, "messages": [{"role": "user", "content": "psst-42"}]}
    async with serving(model_server, keys_file) as (process, client):
        await client.post(CHAT, json=body, headers={"x-request-id": "id-1"})
        await client.post("/nowhere?token=hidden", headers={"authorization": "Bearer sk-guess"})
        lines = await stop(process)

    told = [line for line in lines if line["message"] == "answered"]
    chat, nowhere = told
    expected = {
        "level": "info", "logger": "inference_proxy", "message": "answered", "method": "POST",
        "path": CHAT, "status": 200, "request_id": "id-1", "key_id": "alice", "stream": True,
        "error": None, "operation": "chat", "model": "tiny", "client": "127.0.0.1",
    }  # fmt: skip
    assert expected.items() <= chat.items()
    assert (nowhere["path"], nowhere["status"], nowhere["key_id"]) == ("/nowhere", 404, None)
    text = json.dumps(lines)
    assert not [secret for secret in ("psst-42", KEY, "hidden", "sk-guess") if secret in text]


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        ((), {"INFERENCE_ENGINE": "maybe"}, "INFERENCE_ENGINE is 'maybe', it takes enabled or"),
        (("--host", "0.0.0.0"), {}, "set INFERENCE_KEYS_FILE, or listen on 127.0.0.1"),
        (("--host", "::"), {}, "set INFERENCE_KEYS_FILE, or listen on 127.0.0.1"),
        ((), {"INFERENCE_KEYS_FILE": "/nowhere/keys"}, "/nowhere/keys cannot be read"),
    ],
)
async def test_a_start_that_cannot_work_ends_at_once_with_one_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    process = await launch(free_port(), *arguments, **environment)

    output, errors = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 2
    assert sentence in errors.decode()
    assert (output, errors.count(b"\n")) == (b"", 1)


async def test_a_gateway_without_keys_says_that_it_is_open(model_server: ModelServer) -> None:
    port = free_port()
    process = await launch(port, INFERENCE_BACKENDS=model_server.origin)
    await until(lambda: accepts(port), seconds=20)

    async with httpx.AsyncClient() as stranger:
        answer = await stranger.get(f"http://127.0.0.1:{port}/v1/models")
    lines = await stop(process)

    assert answer.status_code == 200
    assert [line["message"] for line in lines if line["level"] == "warning"] == [
        "open to every process of this machine: INFERENCE_KEYS_FILE is not set"
    ]


def limited(soft: int, hard: int) -> Callable[[], None]:
    """Return what a child process does first: take limits of open files."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def many_files() -> Iterator[int]:
    """Let this process, which is the clients and the model server, open enough files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def streamed(port: int, ready: asyncio.Semaphore) -> bytes:
    async with ready:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(CHAT, b'{"stream":true}', "Connection: close"))
    said = await reader.read(-1)
    writer.close()
    return said


async def test_700_streams_at_once_pass_where_1024_files_may_be_open(
    model_server: ModelServer, keys_file: Path, many_files: int
) -> None:
    together = asyncio.Event()

    async def wait(call: Call) -> None:
        call.start_stream()
        call.event("first")
        if len(model_server.inference()) == STREAMS:
            together.set()
        await together.wait()
        call.event("", "stop")
        call.end_stream()

    model_server.on[CHAT] = wait
    port, door = free_port(), asyncio.Semaphore(50)
    process = await launch(
        port,
        INFERENCE_BACKENDS=model_server.origin,
        INFERENCE_KEYS_FILE=str(keys_file),
        limits=limited(1024, many_files),
    )
    await until(lambda: accepts(port), seconds=60)

    answers = await asyncio.gather(*(streamed(port, door) for _ in range(STREAMS)))
    process.kill()
    await process.communicate()

    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 200 "}
    assert all(b"data: [DONE]" in answer for answer in answers)


async def test_a_low_hard_limit_of_open_files_is_said_with_what_to_do(
    model_server: ModelServer,
) -> None:
    port = free_port()
    process = await launch(port, INFERENCE_BACKENDS=model_server.origin, limits=limited(256, 512))
    await until(lambda: accepts(port), seconds=60)

    lines = await stop(process)

    [said] = [line["message"] for line in lines if "files" in str(line["message"])]
    assert "only 512 files may be open" in str(said)
    assert "--ulimit nofile=65536" in str(said)


def test_the_version_is_the_packages(pytestconfig: pytest.Config) -> None:
    project = (pytestconfig.rootpath / "proxy" / "pyproject.toml").read_text()

    assert f'version = "{VERSION}"' in project
