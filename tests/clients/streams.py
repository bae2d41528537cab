"""What a healthy vLLM streams: the events of each dialect, field order and all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clients import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.answers import Document

DONE = b"data: [DONE]\n\n"


def data(document: Document) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def named(name: str, document: Document) -> bytes:
    return b"event: " + name.encode() + b"\n" + data(document)


def chat(asked: Document) -> list[bytes]:
    deltas: list[Document] = [{"role": "assistant", "content": ""}]
    if asked.get("tools"):
        return _openai(asked, "chat", [*deltas, *_tool_deltas(asked)], "tool_calls")
    return _openai(asked, "chat", deltas + [{"content": word} for word in answers.WORDS], "stop")


def _tool_deltas(asked: Document) -> list[Document]:
    function = {"name": answers.tool(asked)["name"], "arguments": ""}
    first = {"id": "call-1", "type": "function", "index": 0, "function": function}
    halves = (answers.ARGUMENTS[:6], answers.ARGUMENTS[6:])
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
    at: Document = {"item_id": "msg_1", "output_index": 0}
    part = answers.output_item()["content"][0]
    item = answers.output_item() | {"content": [], "status": "in_progress"}
    begun = answers.response(asked, "in_progress")
    steps: list[tuple[str, Document]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", {"item": item, "output_index": 0}),
        ("response.content_part.added", at | {"content_index": 0, "part": part | {"text": ""}}),
        *(
            ("response.output_text.delta", at | {"content_index": 0, "delta": w, "logprobs": []})
            for w in answers.WORDS
        ),
        (
            "response.output_text.done",
            at | {"content_index": 0, "text": answers.TEXT, "logprobs": []},
        ),
        ("response.content_part.done", at | {"content_index": 0, "part": part}),
        ("response.output_item.done", {"item": answers.output_item(), "output_index": 0}),
        ("response.completed", {"response": answers.response(asked)}),
    ]
    return [
        named(name, fields | {"sequence_number": number, "type": name})
        for number, (name, fields) in enumerate(steps)
    ]


def message(asked: Document) -> list[bytes]:
    begun = answers.message(asked) | {"content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"input_tokens": 7, "output_tokens": 3}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": begun}),
        ("content_block_start", {"index": 0, "content_block": block}),
        *(
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}})
            for word in answers.WORDS
        ),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": ending, "usage": usage}),
        ("message_stop", {}),
    ]
    return [named(name, {"type": name} | fields) for name, fields in steps]


STREAMS: dict[str, Callable[[Document], list[bytes]]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completion,
    "/v1/responses": response,
    "/v1/messages": message,
    "/v1/audio/transcriptions": transcription,
    "/v1/audio/translations": transcription,
}
