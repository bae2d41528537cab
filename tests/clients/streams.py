"""What a healthy vLLM streams: the events of each dialect, field order and all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clients import answers
from clients.tool_calls import called

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.tool_calls import Document

DONE = b"data: [DONE]\n\n"


def data(document: Document) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def named(name: str, document: Document) -> bytes:
    return b"event: " + name.encode() + b"\n" + data(document)


def chat(asked: Document) -> list[bytes]:
    deltas: list[Document] = [{"role": "assistant", "content": ""}]
    if tool := called(asked):
        return _openai(asked, "chat", [*deltas, *_tool_deltas(*tool)], "tool_calls")
    words = [{"content": word} for word in answers.words(asked)]
    return _openai(asked, "chat", deltas + words, "stop")


def _tool_deltas(name: str, arguments: str) -> list[Document]:
    function = {"name": name, "arguments": ""}
    first = {"id": "call-1", "type": "function", "index": 0, "function": function}
    halves = (arguments[:6], arguments[6:])
    rest = [{"index": 0, "function": {"arguments": half}} for half in halves]
    return [{"tool_calls": [call]} for call in (first, *rest)]


def completion(asked: Document) -> list[bytes]:
    return _openai(asked, "text", [{"text": word} for word in answers.WORDS], "length")


def transcription(asked: Document) -> list[bytes]:
    deltas = [{"content": word} for word in answers.WORDS]
    return _openai(asked, "transcription", deltas, "stop")


KINDS = {
    "chat": ("chatcmpl-1", "chat.completion.chunk"),
    "text": ("cmpl-1", "text_completion"),
    "transcription": ("trsc-1", "transcription.chunk"),
}


def _openai(asked: Document, kind: str, deltas: list[Document], finish: str) -> list[bytes]:
    options = asked.get("stream_options")
    counted = isinstance(options, dict) and options.get("include_usage") is True
    head = answers.head(asked, *KINDS[kind])
    null = {"usage": None} if counted else {}
    empty: Document = {"text": ""} if kind == "text" else {}
    steps: list[tuple[Document, str | None]] = [(delta, None) for delta in deltas]
    events = [
        data(head | {"choices": [_choice(asked, kind, delta, end)]} | null)
        for delta, end in [*steps, (empty, finish)]
    ]
    if counted:
        events.append(data(head | {"choices": [], "usage": answers.USAGE}))
    return [*events, DONE]


def _choice(asked: Document, kind: str, delta: Document, finish: str | None) -> Document:
    word = delta.get("content")
    wanted = bool(asked.get("logprobs")) and kind == "chat" and word
    logprobs = {"content": [answers.logprob(str(word))]} if wanted else None
    said: Document = delta if kind == "text" else {"delta": delta}
    return {"index": 0} | said | {"logprobs": logprobs, "finish_reason": finish}


def response(asked: Document) -> list[bytes]:
    item = answers.output_item(asked)
    at: Document = {"item_id": item["id"], "output_index": 0}
    middle = _call_events if item["type"] == "function_call" else _text_events
    begun = answers.response(asked, "in_progress")
    first, *rest = middle(item)
    steps: list[tuple[str, Document]] = [
        ("created", {"response": begun}),
        ("in_progress", {"response": begun}),
        ("output_item.added", {"item": first, "output_index": 0}),
        *((name, at | fields) for name, fields in rest),
        ("output_item.done", {"item": item, "output_index": 0}),
        ("completed", {"response": answers.response(asked)}),
    ]
    return [
        named(f"response.{name}", fields | {"sequence_number": n, "type": f"response.{name}"})
        for n, (name, fields) in enumerate(steps)
    ]


def _text_events(item: Document) -> list[Any]:
    """Return the item as it begins, and the events that complete it."""
    part = item["content"][0]
    at: Document = {"content_index": 0}
    logged = at | {"logprobs": []}
    return [
        item | {"content": [], "status": "in_progress"},
        ("content_part.added", at | {"part": part | {"text": ""}}),
        *(("output_text.delta", logged | {"delta": word}) for word in answers.WORDS),
        ("output_text.done", logged | {"text": answers.TEXT}),
        ("content_part.done", at | {"part": part}),
    ]


def _call_events(item: Document) -> list[Any]:
    said = item["arguments"]
    name = "function_call_arguments"
    return [
        item | {"arguments": "", "status": "in_progress"},
        *((f"{name}.delta", {"delta": half}) for half in (said[:6], said[6:])),
        (f"{name}.done", {"arguments": said, "name": item["name"]}),
    ]


def message(asked: Document) -> list[bytes]:
    whole = answers.message(asked)
    begun = whole | {"content": [], "stop_reason": None}
    block, deltas = _block(whole["content"][0])
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": begun}),
        ("content_block_start", {"index": 0, "content_block": block}),
        *(("content_block_delta", {"index": 0, "delta": delta}) for delta in deltas),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": ending, "usage": whole["usage"]}),
        ("message_stop", {}),
    ]
    return [named(name, {"type": name} | fields) for name, fields in steps]


def _block(whole: Document) -> tuple[Document, list[Document]]:
    """Return the block as it begins, and what is added to it."""
    if whole["type"] == "text":
        deltas = [{"type": "text_delta", "text": word} for word in answers.WORDS]
        return {"type": "text", "text": ""}, deltas
    said = json.dumps(whole["input"])
    halves = (said[:6], said[6:])
    deltas = [{"type": "input_json_delta", "partial_json": half} for half in halves]
    return whole | {"input": {}}, deltas


STREAMS: dict[str, Callable[[Document], list[bytes]]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completion,
    "/v1/responses": response,
    "/v1/messages": message,
    "/v1/audio/transcriptions": transcription,
    "/v1/audio/translations": transcription,
}
