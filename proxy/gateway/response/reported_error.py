"""A backend's error in whatever shape it comes: what it says, for an error in OpenAI's shape.

Clients act on the words: agents compact their context on "maximum context length".
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

_LONGEST = 2000  # characters of a message that is made of a body of no known shape
_TEXT = (b"application/json", b"text/plain")  # pages for browsers name servers and versions


class ReportedError(NamedTuple):
    """`is_openai`: the body is OpenAI's shape already, and can be passed on as it is."""

    message: str
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    is_openai: bool = False


def read(body: bytes, content_type: bytes) -> ReportedError | None:
    """Return what the body says, None for what is empty or a page."""
    try:
        said = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        text = body.decode(errors="replace").strip()
        is_text = content_type.startswith(_TEXT) and not text.startswith("<")
        return ReportedError(text[:_LONGEST]) if text and is_text else None
    if not isinstance(said, dict):
        return ReportedError(_text(said)) if said else None
    error = said.get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return _of(error, error["message"], is_openai=True)
    for found in (error, said.get("message"), said.get("detail"), said.get("errors")):
        if found:
            return _of(error if isinstance(error, dict) else said, _text(found), is_openai=False)
    return ReportedError(_text(said)) if said else None


def _of(fields: dict[str, Any], message: str, *, is_openai: bool) -> ReportedError:
    kind, code, param = (fields.get(name) for name in ("type", "code", "param"))
    return ReportedError(
        message,
        kind if isinstance(kind, str) else None,
        str(code) if isinstance(code, int | str) else None,
        param if isinstance(param, str) else None,
        is_openai,
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return "; ".join(_problems(value))[:_LONGEST]
    return msgspec.json.encode(value).decode()[:_LONGEST]


def _problems(problems: list[dict[str, Any]]) -> Iterator[str]:
    """Yield FastAPI's list of what is wrong: [{"loc": ["body", "model"], "msg": "..."}]."""
    for one in problems:
        place, message = one.get("loc"), one.get("msg")
        if isinstance(place, list) and isinstance(message, str):
            yield f"{'.'.join(map(str, place))}: {message}"
        else:
            yield _text(message or msgspec.json.encode(one).decode())
