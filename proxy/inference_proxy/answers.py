"""What is read from a backend's answer; its bytes are the client's."""

import re
from collections.abc import Mapping

import msgspec

from inference_proxy import VERSION
from inference_proxy.dialects import ANTHROPIC, Dialect
from inference_proxy.errors import (
    BackendLost,
    BackendUnavailable,
    Headers,
    InternalError,
    ProxyError,
    UnknownModel,
)

# What a client hears of the answer's headers.
_RETURNED = (b"content-type", b"content-encoding", b"cache-control", b"retry-after")
_JSON = b"application/json"

_WHOLE_BYTES = 256 * 1024  # beyond it usage is looked for in the last bytes only
_TAIL_BYTES = 4096
_INPUT = re.compile(rb'"(?:prompt|input)_tokens": ?(\d{1,12})')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens": ?(\d{1,12})')

# vLLM says 500 when its engine process is gone or going: the server is about to restart.
_ENGINE_GONE = re.compile(rb"EngineCore|EngineDeadError|cannot schedule new futures")

_ALIASES = "Valid aliases:"

Tokens = tuple[int | None, int | None]


def returned(headers: Mapping[bytes, bytes]) -> Headers:
    kept = [(name, headers[name]) for name in _RETURNED if name in headers]
    return kept if b"content-type" in headers else [(b"content-type", _JSON), *kept]


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Counted(msgspec.Struct, gc=False):
    usage: _Usage | None = None


_counted = msgspec.json.Decoder(_Counted)


def usage(body: bytes) -> Tokens:
    """Return (input, output) tokens of a whole answer, as far as the backend told them."""
    if len(body) > _WHOLE_BYTES:
        tail = body[-_TAIL_BYTES:]
        given, made = _INPUT.findall(tail), _OUTPUT.findall(tail)
        return int(given[-1]) if given else None, int(made[-1]) if made else None
    try:
        told = _counted.decode(body).usage
    except (ValueError, RecursionError):
        return None, None
    if told is None:
        return None, None
    return (
        told.input_tokens if told.prompt_tokens is None else told.prompt_tokens,
        told.output_tokens if told.completion_tokens is None else told.completion_tokens,
    )


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Ended(msgspec.Struct, gc=False):
    type: str | None = None
    choices: tuple[_Choice, ...] = ()
    stop_reason: str | None = None


_ended = msgspec.json.Decoder(_Ended)


def is_cut(body: bytes, dialect: Dialect) -> bool:
    """Whether a whole answer is the part that was made before its engine was stopped.

    vLLM says so in a `finish_reason`, or by leaving out the `stop_reason` of a message.
    """
    if b'"abort"' not in body and (dialect is not ANTHROPIC or b'"stop_reason":"' in body):
        return False
    try:
        ended = _ended.decode(body)
    except (ValueError, RecursionError):
        return False
    if dialect is ANTHROPIC:
        return ended.type == "message" and ended.stop_reason in {None, "abort"}
    return any(choice.finish_reason == "abort" for choice in ended.choices)


class Refusal(ProxyError):
    """A backend's own error. `raw` is its body as it came, if an SDK can read it."""

    def __init__(self, status: int, message: str, kind: str, code: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.code = status, kind, code
        self.raw: bytes | None = None
        self.passed: Headers = []

    def headers(self) -> Headers:
        return self.passed


class _Told(msgspec.Struct):
    message: str = ""
    type: str | None = None
    code: int | str | None = None
    param: str | None = None


class _Shaped(msgspec.Struct):
    error: _Told


def refusal(
    status: int, body: bytes, headers: Headers, model: str | None, dialect: Dialect
) -> ProxyError:
    """Return what is to be told of a backend's answer of 400 and above.

    Anthropic's clients are told in our words: vLLM's errors have other types, and some other shape.
    """
    if status >= InternalError.status and _ENGINE_GONE.search(body):
        return BackendUnavailable("The model server is restarting: its engine has stopped.")
    try:
        told = msgspec.json.decode(body, type=_Shaped).error
    except (ValueError, RecursionError):
        kind = "server_error" if status >= InternalError.status else "invalid_request_error"
        found = Refusal(status, f"The model server answered {status}.", kind, "backend_error")
        found.passed = [header for header in headers if header[0] == b"retry-after"]
        return found
    if status == UnknownModel.status and (told.param == "model" or _ALIASES in told.message):
        # In its own words it would name every alias that it knows.
        return UnknownModel(f"The model {(model or '')[:200]!r} is not served here.", param="model")
    code = "backend_error" if told.code is None else str(told.code)
    found = Refusal(status, told.message, told.type or "backend_error", code)
    found.param, found.raw = told.param, None if dialect is ANTHROPIC else body
    found.passed = [header for header in headers if header[0] != b"content-type"]
    return found


class _Version(msgspec.Struct):
    version: str | None = None


def with_our_version(body: bytes) -> bytes:
    """Return the backend's version beside ours. Raises BackendLost."""
    try:
        theirs = msgspec.json.decode(body, type=_Version).version
    except ValueError as error:
        raise BackendLost("The model server's version cannot be read.") from error
    return msgspec.json.encode({"version": theirs, "proxy_version": VERSION})
