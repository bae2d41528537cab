"""The access log: every line arrives whole, or the log says how many did not."""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway.core.request_record import RequestRecord
from gateway.telemetry import access_log as log
from gateway.telemetry.access_log import AccessLog
from gatewaylab.visiting import chat


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page, as narrow as they get; the reading end does not block."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 20)
    except BlockingIOError:
        return b""


def lines(text: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_tells_all_there_is_to_tell(tmp_path: Path) -> None:
    (line,) = written(tmp_path, chat())

    assert line == {
        "at": "2026-09-21T14:13:20.500000Z", "level": "info", "logger": "inference_proxy",
        "message": "answered", "method": "POST", "path": "/v1/chat/completions", "status": 200,
        "ms": 1250.0, "request_id": "id-1", "client": "203.0.113.7", "key_id": "alice",
        "operation": "chat", "model": "tiny", "backend": "127.0.0.1:8000", "stream": True,
        "error": None, "queued_ms": 30.0, "first_byte_ms": 250.0, "chunks": 11, "prompt_tokens": 30,
        "completion_tokens": 11, "request_bytes": 200, "response_bytes": 2000, "retried": False,
    }  # fmt: skip


def test_a_terminal_gets_a_line_that_a_person_can_read() -> None:
    ours, theirs = os.openpty()
    log_of_terminal = AccessLog(theirs)

    log_of_terminal.line(chat(path="/v1/mod\x1b[2Jels?key=sk-secret"))
    log_of_terminal.close()

    said = os.read(ours, 4096).decode()
    assert said == "14:13:20 POST /v1/mod?[2Jels 200 in 1250 ms, key=alice, model=tiny\r\n"
    for end in (ours, theirs):
        os.close(end)


def test_a_query_string_is_left_out(tmp_path: Path) -> None:
    (line,) = written(tmp_path, chat(path="/v1/models?key=sk-secret"))

    assert line["path"] == "/v1/models"


def test_what_a_client_sends_cannot_forge_a_line(tmp_path: Path) -> None:
    (line,) = written(tmp_path, chat(path='/a"}\n{"level":"info"'))

    assert line["path"] == '/a"}\n{"level":"info"'


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\x7f", "\u2028", "é", "😀", ""])
def test_every_text_is_in_the_line_as_it_was(tmp_path: Path, text: str) -> None:
    named = dict.fromkeys(("method", "path", "request_id", "client", "operation", "key_id"), text)
    named |= {"model": text, "backend": text, "error": text}

    (line,) = written(tmp_path, chat(**named))

    assert {name: line[name] for name in named} == named


@pytest.mark.parametrize(
    ("began", "at"),
    [
        (1_790_000_000.0, "2026-09-21T14:13:20Z"),
        (1_790_000_000.000_001, "2026-09-21T14:13:20.000001Z"),
        (1_790_000_000.999_999_9, "2026-09-21T14:13:21Z"),
    ],
)
def test_a_line_has_the_time_to_the_microsecond(tmp_path: Path, began: float, at: str) -> None:
    (line,) = written(tmp_path, chat(began=began))

    assert line["at"] == at


def test_what_no_line_can_hold_is_counted_and_raises_nothing(tmp_path: Path) -> None:
    told = written(tmp_path, chat(path="\ud800"), chat(began=1e300), chat())

    assert [line["message"] for line in told] == ["answered", "access lines lost"]
    assert told[1]["lines"] == 2


async def test_lines_are_written_together_a_moment_later(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    access = AccessLog(writer)

    access.line(chat())
    access.line(chat())
    at_once = read(reader)
    await asyncio.sleep(log.FLUSH_SECONDS * 3)
    later = read(reader)

    assert at_once == b""
    assert len(lines(later)) == 2


async def test_closing_writes_what_is_still_here(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    access = AccessLog(writer)

    access.line(chat())
    access.close()

    assert len(lines(read(reader))) == 1


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_reader_that_stands_still_holds_up_nobody_and_misses_nothing(
    pipe: tuple[int, int], *, blocking: bool
) -> None:
    reader, writer = pipe
    os.set_blocking(writer, blocking)
    access = AccessLog(writer)
    began = time.perf_counter()

    for number in range(200):
        access.line(chat(request_id=str(number)))
    await asyncio.sleep(log.FLUSH_SECONDS * 3)
    stood_for = time.perf_counter() - began
    got = b""
    while got.count(b"\n") < 200:
        got += read(reader)
        await asyncio.sleep(0.01)

    assert stood_for < 1.0
    assert [line["request_id"] for line in lines(got)] == [str(each) for each in range(200)]


async def test_a_line_longer_than_a_pipe_arrives_in_parts(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    access = AccessLog(writer)

    access.line(chat(model="m" * 10_000))
    access.line(chat())
    got = b""
    while got.count(b"\n") < 2:
        await asyncio.sleep(0.01)
        got += read(reader)

    assert [len(str(line["model"])) for line in lines(got)] == [10_000, 4]


async def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:100]))

    told = written(tmp_path, chat(), chat(), chat())

    assert [line["message"] for line in told] == ["answered"] * 3


async def test_more_than_can_be_kept_is_owned_up_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BACKLOG_BYTES", 2000)

    told = written(tmp_path, *[chat() for _ in range(10)])

    answered = [line for line in told if line["message"] == "answered"]
    assert told[-1]["message"] == "access lines lost"
    assert len(answered) + int(str(told[-1]["lines"])) == 10


async def test_a_reader_that_is_gone_raises_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    access = AccessLog(writer)
    os.close(reader)

    access.line(chat())
    access.close()

    assert access.lost == 1


async def test_closing_does_not_wait_for_ever(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CLOSE_SECONDS", 0.1)
    _, writer = pipe
    access = AccessLog(writer)
    for _ in range(100):
        access.line(chat())
    began = time.perf_counter()

    access.close()

    assert time.perf_counter() - began < 1.0


def written(folder: Path, *requests: RequestRecord) -> list[dict[str, object]]:
    path = folder / "log"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    access = AccessLog(fd)
    for facts in requests:
        access.line(facts)
    access.close()
    os.close(fd)
    return lines(path.read_bytes())
