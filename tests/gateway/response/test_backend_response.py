"""What is read off a backend's whole answer: that it was cut, and how its refusal is told."""

import json
from typing import Any

import pytest
from gateway.core.dialects import ANTHROPIC, OPENAI, Dialect
from gateway.core.errors import UnknownModel
from gateway.response import backend_response
from gateway.response.event_stream import EventStream


def chat(*reasons: str, text: str = "") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": one} for one in reasons]}


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        (chat("abort"), OPENAI),
        (chat("stop", "abort"), OPENAI),
        ({"type": "message", "content": []}, ANTHROPIC),
        ({"type": "message", "content": [], "stop_reason": None}, ANTHROPIC),
        ({"type": "message", "content": [], "stop_reason": "abort"}, ANTHROPIC),
    ],
)
def test_an_answer_of_a_stopped_engine_is_cut(body: dict[str, Any], dialect: Dialect) -> None:
    assert backend_response.is_cut(json.dumps(body).encode(), dialect)


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        (chat("stop", text='"finish_reason":"abort"'), OPENAI),
        ({"data": [{"embedding": [0.1]}], "text": "abort"}, OPENAI),
        ({"type": "message", "stop_reason": "end_turn"}, ANTHROPIC),
        (
            {"type": "message", "stop_reason": "tool_use", "content": [{"input": "abort"}]},
            ANTHROPIC,
        ),
        ({"input_tokens": 5}, ANTHROPIC),
    ],
)
def test_any_other_answer_is_whole(body: dict[str, Any], dialect: Dialect) -> None:
    assert not backend_response.is_cut(json.dumps(body).encode(), dialect)


def test_what_is_no_json_is_whole() -> None:
    assert not backend_response.is_cut(b'"abort"}', OPENAI)


@pytest.mark.parametrize("count", [-1, 10**12, 10**400])
def test_a_usage_that_nobody_can_have_had_is_not_believed(count: int) -> None:
    body = json.dumps({"usage": {"prompt_tokens": count, "completion_tokens": 1}}).encode()

    assert backend_response.usage(body) == (None, None)


def test_a_refusal_keeps_its_bytes_for_openais_clients_only() -> None:
    body = b'{"error": {"message": "no", "type": "Bad Request", "code": 400}}'

    openai = backend_response.refusal(400, body, [], "tiny", OPENAI)
    anthropic = backend_response.refusal(400, body, [], "tiny", ANTHROPIC)

    assert (openai.raw, anthropic.raw) == (body, None)
    said = json.loads(ANTHROPIC.body(anthropic, "r"))
    assert said["error"] == {"type": "invalid_request_error", "message": "no"}


def test_the_names_of_other_models_are_not_told() -> None:
    message = "The model `ghost` does not exist. Valid aliases: secret."
    body = json.dumps({"type": "error", "error": {"type": "NotFoundError", "message": message}})

    told = backend_response.refusal(404, body.encode(), [], "ghost", ANTHROPIC)

    assert isinstance(told, UnknownModel)
    assert "secret" not in str(told)


@pytest.mark.parametrize(("event", "failed"), [(b'{"error":{}}', True), (b"{}", False)])
def test_a_stream_that_the_backend_ended_with_an_error_is_no_success(
    event: bytes, *, failed: bool
) -> None:
    events = EventStream(OPENAI)

    events.feed(b'data: {"choices":[{"finish_reason":"stop"}]}\n\n')
    events.feed(b"data: " + event + b"\n\ndata: [DONE]\n\n")

    assert (events.done, events.failed) == (True, failed)
