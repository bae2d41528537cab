"""One line of the access log: caller, request, outcome, and how long each part took.

Never a prompt, a key or a query string: only the fields listed here reach the log.
"""

from datetime import UTC, datetime

import msgspec

from gateway.core.log import NAME, printable
from gateway.core.request_record import RequestRecord

_LONGEST_PATH = 200
_MILLION = 1_000_000
_FALLBACK = ',"fallback":true'

_encode = msgspec.json.encode


class _Clock:
    """The date and time of a line; all but its fraction are made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def at(self, seconds: float) -> str:
        """Return it as RFC 3339 has it. Raises ValueError, OverflowError or OSError."""
        second = int(seconds)
        micro = round((seconds - second) * _MILLION)
        if micro == _MILLION:
            second, micro = second + 1, 0
        if second != self._second:
            self._text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
            self._second = second
        return f"{self._text}.{micro:06d}Z" if micro else f"{self._text}Z"


_clock = _Clock()


def answered(record: RequestRecord) -> bytes:
    """Raises ValueError, OverflowError or OSError for what no line can hold.

    Put together as text: it costs half of what encoding an object does.
    """
    first = "null" if record.first_byte is None else str(_milliseconds(record.first_byte))
    line = (
        f'{{"at":"{_clock.at(record.began)}","level":"info","logger":"{NAME}",'
        f'"message":"answered","method":{_text(record.method)},'
        f'"path":{_text(record.path.partition("?")[0][:_LONGEST_PATH])},"status":{record.status},'
        f'"ms":{_milliseconds(record.seconds)},"request_id":{_text(record.request_id)},'
        f'"client":{_text(record.client)},"key_id":{_text(record.key_id)},'
        f'"operation":{_text(record.operation)},"model":{_text(record.model)},'
        f'"backend":{_text(record.backend)},"stream":{_truth(record.stream)},'
        f'"error":{_text(record.error)},"queued_ms":{_milliseconds(record.queued)},'
        f'"first_byte_ms":{first},"chunks":{record.chunks},'
        f'"prompt_tokens":{_number(record.prompt_tokens)},'
        f'"completion_tokens":{_number(record.completion_tokens)},'
        f'"request_bytes":{record.request_bytes},"response_bytes":{record.response_bytes},'
        f'"retried":{_truth(record.retried)}{_FALLBACK if record.fallback else ""}}}\n'
    )
    return line.encode()


def brief(record: RequestRecord) -> bytes:
    """Return the line for a terminal. Raises as `answered` does."""
    path = record.path.partition("?")[0][:_LONGEST_PATH]
    took = f"{record.status} in {_milliseconds(record.seconds):g} ms"
    at = f"{datetime.fromtimestamp(record.began, UTC):%H:%M:%S}"
    words = [at, record.method, path, took]
    fallback = record.backend if record.fallback else None
    named = (
        ("key", record.key_id),
        ("model", record.model),
        ("fallback", fallback),
        ("error", record.error),
    )
    line = " ".join(words) + "".join(f", {name}={value}" for name, value in named if value)
    return printable(line).encode() + b"\n"


def lines_lost(lines: int) -> bytes:
    """Return what is written instead of as many lines."""
    line = {"at": datetime.now(UTC), "level": "warning", "logger": NAME}
    return _encode(line | {"message": "access lines lost", "lines": lines}) + b"\n"


def _milliseconds(seconds: float) -> float:
    return int(seconds * 10_000) / 10


def _text(value: str | None) -> str:
    """Return it as JSON; most of it needs no escape, and asking that costs less."""
    if value is None:
        return "null"
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return _encode(value).decode()


def _truth(value: bool) -> str:  # noqa: FBT001 -- it is the value
    return "true" if value else "false"


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
