"""Where the gateway answers otherwise than the engine on purpose, each with its reason.

All other differences are defects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vllmlab.calls.call import Call
from vllmlab.likeness import Answer

_OPENAI = {"message", "type", "param", "code"}
Judge = Callable[[Call, Answer, Answer], bool]  # the call, the engine's answer, the gateway's


@dataclass(frozen=True)
class Difference:
    reason: str
    is_so: Judge


def why(call: Call, direct: Answer, through: Answer) -> str | None:
    """Return the reason for a difference, None if there is none."""
    return next((one.reason for one in INTENDED if one.is_so(call, direct, through)), None)


def _code(answer: Answer) -> str | None:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if not isinstance(error, dict) or set(error) != _OPENAI:
        return None
    return str(error["code"])


def _models(call: Call, direct: Answer, through: Answer) -> bool:
    if call.path != "/v1/models" or call.method != "GET":
        return False
    return all(one in through.body["data"] for one in direct.body["data"])


def _version(call: Call, direct: Answer, through: Answer) -> bool:
    return call.path == "/version" and direct.body.items() <= through.body.items()


def _unknown_model(_: Call, direct: Answer, through: Answer) -> bool:
    said = str(through.body)
    is_one = "is not served here" in said and "tiny" not in said
    return (direct.status, through.status, is_one) == (404, 404, True)


def _anthropic(call: Call, direct: Answer, through: Answer) -> bool:
    if not call.path.startswith("/v1/messages") or direct.status < 400:
        return False
    is_theirs = isinstance(through.body, dict) and through.body.get("type") == "error"
    return is_theirs and direct.status == through.status and direct.message in through.message


def _refused_before(_: Call, direct: Answer, through: Answer) -> bool:
    is_ours = _code(through) == "invalid_request" or "invalid_request_error" in str(through.body)
    return is_ours and direct.status == through.status == 400


def _no_json(call: Call, _: Answer, through: Answer) -> bool:
    try:
        text = call.body.decode()
    except UnicodeDecodeError:
        return through.status == 400
    return through.status == 400 and ("NaN" in text or "\\ud800" in text)


def _kind(call: Call, direct: Answer, through: Answer) -> bool:
    is_other = call.kind not in {"", "application/json"}
    return is_other and (direct.status, through.status) == (400, 415)


def _not_an_endpoint(_: Call, direct: Answer, through: Answer) -> bool:
    return direct.status == through.status and _code(through) in {
        "unknown_url",
        "method_not_allowed",
    }


def _counted(call: Call, direct: Answer, through: Answer) -> bool:
    """An error of the engine that counts the fields of the request."""
    same = direct.status == through.status == 400
    return same and b'"stream"' in call.body and "<dict of" in direct.message


def _other_shape(_: Call, direct: Answer, through: Answer) -> bool:
    is_openai = isinstance(direct.body, dict) and isinstance(direct.body.get("error"), dict)
    same = direct.status == through.status >= 400
    return same and not is_openai and _code(through) is not None


INTENDED = (
    Difference("the list of models has the aliases too", _models),
    Difference("the version names the gateway's beside the engine's", _version),
    Difference("an unknown model does not bring out the names of others", _unknown_model),
    Difference("Anthropic's clients get errors in Anthropic's shape, the engine's words in it",
               _anthropic),
    Difference("NaN, UTF-16 and half a surrogate pair are no JSON: readers differ on them",
               _no_json),
    Difference("another content type is a 415", _kind),
    Difference("a wrong path or method is answered in OpenAI's shape, and no engine asked",
               _not_an_endpoint),
    Difference("what is no JSON, or has fields of the wrong type, is refused in our words, as soon "
               "as it is read", _refused_before),
    Difference("the engine counts the request's fields, and one asks for the stream's usage",
               _counted),
    Difference("an error that is in no shape of OpenAI's is put into it", _other_shape),
)  # fmt: skip
