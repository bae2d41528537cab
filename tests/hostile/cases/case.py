"""One hostile conversation, and which ends of it are right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.keys import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostile.wire import Answer, Heard

CHAT = "/v1/chat/completions"
BODY = b'{"model":"tiny","messages":[{"role":"user","content":"Hi"}]}'
REFUSED = frozenset({400})
OPENAI_ERROR = {"message", "type", "param", "code"}
HOST = b"Host: gateway"
AUTH = f"Authorization: Bearer {KEY}".encode()
JSON = b"Content-Type: application/json"


@dataclass(frozen=True)
class Case:
    """`statuses`: what may be answered; `closes`: the server may also just hang up.

    `answers` is how many requests an honest reader finds in these bytes at most, `reaches` how many
    of them the engine may see. `front` replaces `statuses` where nginx is before the gateway.
    `head`: answers without bodies. `leave`: hang up at once; `half_close`: stop talking and listen.
    `bare`: HTTP/0.9, whose answers have no heads.
    """

    name: str
    pieces: tuple[bytes | float, ...]
    statuses: frozenset[int] = REFUSED
    closes: bool = False
    answers: int = 1
    reaches: int = 0
    bound: float = 10.0
    head: bool = False
    leave: bool = False
    half_close: bool = False
    bare: bool = False
    front: frozenset[int] | None = None
    front_reaches: int | None = None

    def allowed(self, *, behind: bool) -> frozenset[int]:
        return self.front if behind and self.front is not None else self.statuses

    def reaching(self, *, behind: bool) -> int:
        return self.front_reaches if behind and self.front_reaches is not None else self.reaches


def any_of(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def post(body: bytes = BODY, *lines: bytes, path: str = CHAT, length: bool = True) -> bytes:
    """Return an honest POST with our key, except for what is given."""
    given = [HOST, AUTH, *lines]
    if not any(line.lower().startswith(b"content-type") for line in lines):
        given.append(JSON)
    if length:
        given.append(b"Content-Length: %d" % len(body))
    return message(f"POST {path} HTTP/1.1".encode(), given, body)


def get(path: bytes = b"/v1/models", *lines: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return message(b"GET " + path + b" " + version, [HOST, AUTH, *lines])


def message(line: bytes, lines: Iterable[bytes], body: bytes = b"") -> bytes:
    return b"\r\n".join([line, *lines, b"", body])


def verdict(case: Case, heard: Heard, *, behind: bool = False) -> list[str]:
    """Return everything that is wrong with how this case ended."""
    wrong: list[str] = []
    old = isinstance(case.pieces[0], bytes) and b" HTTP/1.0\r\n" in case.pieces[0]
    allowed = case.allowed(behind=behind)
    if heard.rest and not (case.bare and heard.closed):
        wrong.append(f"an unfinished answer: {heard.rest[:300]!r}")
    if not case.leave and not heard.final and not heard.closed:
        wrong.append(f"no answer and no close in {heard.seconds:.1f} s")
    if heard.closed and not heard.final and not heard.rest and not case.closes and not case.leave:
        wrong.append("closed without a word")
    if len(heard.final) > case.answers:
        wrong.append(f"{len(heard.final)} answers: {[a.status for a in heard.final]}")
    for answer in heard.final:
        wrong += _judge(answer, allowed, case)
        if old and answer.all("transfer-encoding"):
            wrong.append("chunks for a client of HTTP/1.0")
    return wrong


def _judge(answer: Answer, allowed: frozenset[int], case: Case) -> list[str]:
    wrong = []
    if answer.status not in allowed:
        wrong.append(f"{answer.status} is not one of {sorted(allowed)}: {answer.body[:200]!r}")
    if answer.status >= 400 and not case.head and not is_openai_error(answer):
        wrong.append(f"{answer.status} in no shape a client reads: {answer.body[:200]!r}")
    if len(answer.all("x-request-id")) > 1 or answer.all("set-cookie"):
        wrong.append(f"injected headers: {answer.headers}")
    return wrong


def is_openai_error(answer: Answer) -> bool:
    """Whether an SDK can read this error: OpenAI's shape, or Anthropic's."""
    if (answer.header("content-type") or "").split(";")[0] != "application/json":
        return False
    try:
        error = json.loads(answer.body)["error"]
        return bool(error["message"]) and (set(error) == OPENAI_ERROR or "type" in error)
    except (ValueError, KeyError, TypeError):
        return False
