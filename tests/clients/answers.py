"""What a healthy vLLM says, whole: one answer per endpoint, in its own shapes."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from clients.tool_calls import ARGUMENTS, Document, called

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ("tiny", "org/large")
WORDS = ("Hello", " ", "you")
TEXT = "".join(WORDS)
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
VECTOR = (0.5, 0.25, -1.0)


def model_of(asked: Document) -> str:
    return str(asked.get("model") or MODELS[0])


def chat(asked: Document) -> Document:
    choices = [chat_choice(asked, index) for index in range(choice_count(asked))]
    return head(asked, "chatcmpl-1", "chat.completion") | {"choices": choices, "usage": USAGE}


def chat_choice(asked: Document, index: int) -> Document:
    said = "".join(words(asked))
    message: Document = {"role": "assistant", "content": said, "tool_calls": []}
    finish = "stop"
    if tool := called(asked):
        function = dict(zip(("name", "arguments"), tool, strict=True))
        call = {"id": "call-1", "type": "function", "function": function}
        message, finish = message | {"content": None, "tool_calls": [call]}, "tool_calls"
    logprobs = {"content": [logprob(word) for word in WORDS]} if asked.get("logprobs") else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def choice_count(asked: Document) -> int:
    count = asked.get("n")
    return count if isinstance(count, int) and 0 < count <= 16 else 1


def words(asked: Document) -> tuple[str, ...]:
    """Return the answer, word by word: a document where one is asked for."""
    form = asked.get("response_format")
    kind = str(form.get("type")) if isinstance(form, dict) else ""
    return (ARGUMENTS[:6], ARGUMENTS[6:]) if kind.startswith("json") else WORDS


def logprob(word: str) -> Document:
    entry = {"token": word, "logprob": -0.25, "bytes": list(word.encode())}
    return entry | {"top_logprobs": [entry]}


def head(asked: Document, identity: str, kind: str) -> Document:
    return {"id": identity, "object": kind, "created": 1, "model": model_of(asked)}


def completion(asked: Document) -> Document:
    choice = {"index": 0, "text": TEXT, "logprobs": None, "finish_reason": "length"}
    return head(asked, "cmpl-1", "text_completion") | {"choices": [choice], "usage": USAGE}


def embedding(asked: Document) -> Document:
    texts = asked.get("input")
    encoded = asked.get("encoding_format") == "base64"
    vector: Any = base64.b64encode(struct.pack("<3f", *VECTOR)).decode() if encoded else VECTOR
    count = len(texts) if isinstance(texts, list) else 1
    data = [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)]
    return head(asked, "embd-1", "list") | {"data": data, "usage": USAGE}


def response(asked: Document, status: str = "completed") -> Document:
    return {
        "id": "resp_1", "created_at": 1, "model": model_of(asked), "object": "response",
        "output": [output_item(asked)] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "status": status, "error": None,
        "usage": response_usage() if status == "completed" else None,
    }  # fmt: skip


def output_item(asked: Document) -> Document:
    if tool := called(asked):
        call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "status": "completed"}
        return call | dict(zip(("name", "arguments"), tool, strict=True))
    part: Document = {"annotations": [], "text": TEXT, "type": "output_text", "logprobs": None}
    return {
        "id": "msg_1", "content": [part], "role": "assistant", "status": "completed",
        "type": "message",
    }  # fmt: skip


def response_usage() -> Document:
    return {
        "input_tokens": 7, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 10,
    }  # fmt: skip


def message(asked: Document) -> Document:
    tool = called(asked)
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model_of(asked),
        "content": [tool_use(*tool) if tool else {"type": "text", "text": TEXT}],
        "stop_reason": "tool_use" if tool else "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 7, "output_tokens": 3},
    }  # fmt: skip


def tool_use(name: str, arguments: str) -> Document:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": json.loads(arguments)}


def tokens_counted(_: Document) -> Document:
    return {"input_tokens": 7}


def tokens(_: Document) -> Document:
    return {"count": 3, "max_model_len": 4096, "tokens": [1, 2, 3], "token_strs": None}


def prompt(_: Document) -> Document:
    return {"prompt": TEXT}


def pooled(asked: Document) -> Document:
    data = [{"index": 0, "object": "pooling", "data": [VECTOR]}]
    return head(asked, "pool-1", "list") | {"data": data, "usage": USAGE}


def classes(asked: Document) -> Document:
    data = [{"index": 0, "label": "good", "probs": [0.75, 0.25], "num_classes": 2}]
    return head(asked, "classify-1", "list") | {"data": data, "usage": USAGE}


def scores(asked: Document) -> Document:
    data = [{"index": 0, "object": "score", "score": 0.75}]
    return head(asked, "score-1", "list") | {"data": data, "usage": USAGE}


def ranking(asked: Document) -> Document:
    results = [{"index": 0, "document": {"text": TEXT}, "relevance_score": 0.75}]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return {"id": "rerank-1", "model": model_of(asked), "usage": usage, "results": results}


def transcript(_: Document) -> Document:
    return {"text": TEXT, "usage": {"type": "duration", "seconds": 1}}


def listing() -> Document:
    cards = [{"id": name, "object": "model", "created": 1, "owned_by": "vllm"} for name in MODELS]
    return {"object": "list", "data": cards}


ANSWERS: dict[str, Callable[[Document], Document]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": completion,
    "/v1/embeddings": embedding,
    "/v1/responses": response,
    "/v1/messages": message,
    "/v1/messages/count_tokens": tokens_counted,
    "/tokenize": tokens,
    "/detokenize": prompt,
    "/pooling": pooled,
    "/classify": classes,
    "/score": scores,
    "/v1/score": scores,
    "/rerank": ranking,
    "/v1/rerank": ranking,
    "/v2/rerank": ranking,
    "/v1/audio/transcriptions": transcript,
    "/v1/audio/translations": transcript,
}
