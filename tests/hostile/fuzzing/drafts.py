"""Honest requests to every endpoint, made at random: what the fuzzer starts from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clients.keys import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

BOUNDARY = "x-lamplighter-x"
_WORDS = (
    "Hi",
    "",
    "a b",
    "é",
    "日本",
    "🙂",
    "\n",
    '"',
    "\\",
    "\x7f",
    "[DONE]",
    "data: ",
    "</s>",
    "0",
)

Document = dict[str, Any]


@dataclass
class Draft:
    """A request before it is bytes; `document` is its JSON, `body` what is sent instead of it."""

    method: str
    path: str
    document: Document | None = None
    body: bytes | None = None
    version: str = "HTTP/1.1"
    headers: list[tuple[str, str]] = field(default_factory=list)
    framed: bool = True  # where the request ends is said as HTTP wants it

    def encoded(self) -> bytes:
        if self.body is not None:
            return self.body
        return b"" if self.document is None else json.dumps(self.document).encode()


def draft(random: Random) -> Draft:
    """Return a request that must be answered with 200."""
    if random.random() < 0.1:
        made = Draft("GET", random.choice(_READS))
    elif random.random() < 0.06:
        made = _upload(random)
    else:
        path = random.choice(list(_DOCUMENTS))
        made = Draft("POST", path, _DOCUMENTS[path](random))
        if path in _GENERATING and random.random() < 0.4:
            made.document = (made.document or {}) | {"stream": True}
    made.headers = [("Host", "gateway"), ("Authorization", f"Bearer {KEY}"), *made.headers]
    if made.document is not None:
        made.headers.append(("Content-Type", "application/json"))
    return made


_READS = (
    "/v1/models", "/v1/models/tiny", "/v1/models/org/large", "/version",
    "/health", "/health/live", "/health/ready",
)  # fmt: skip
_GENERATING = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")


def _upload(random: Random) -> Draft:
    path = random.choice(("/v1/audio/transcriptions", "/v1/audio/translations"))
    sound = random.randbytes(random.randrange(2000))
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\ntiny\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    ).encode() + sound + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
    kind = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    return Draft("POST", path, body=body, headers=[kind])


def _text(random: Random) -> str:
    return "".join(random.choices(_WORDS, k=random.randrange(6)))


def _messages(random: Random) -> list[Document]:
    count = random.randrange(1, 4)
    return [{"role": "user", "content": _text(random)} for _ in range(count)]


def _options(random: Random, **more: Any) -> Document:
    """Return the model and some of the fields that are not looked at."""
    options = {
        "temperature": 0.1, "top_p": 1, "seed": 2**63, "stop": ["a"], "user": "u", "logit_bias": {},
        "chat_template_kwargs": {"a": [{}]}, "max_tokens": 5, "metadata": None, "n": 1,
    } | more  # fmt: skip
    chosen = random.sample(list(options), random.randrange(len(options)))
    model = random.choice(("tiny", "tiny", "org/large"))
    return {"model": model} | {name: options[name] for name in chosen}


def _chat(random: Random) -> Document:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    more = {
        "tools": [tool], "logprobs": True, "n": 3, "max_completion_tokens": 9,
        "stream_options": {"include_usage": random.random() < 0.5},
    }  # fmt: skip
    made = _options(random, **more) | {"messages": _messages(random)}
    if "stream_options" in made:
        made["stream"] = True
    return made


def _completion(random: Random) -> Document:
    return _options(random) | {"prompt": _text(random)}


def _response(random: Random) -> Document:
    return _options(random, max_output_tokens=5) | {"input": _text(random)}


def _message(random: Random) -> Document:
    return _options(random) | {"messages": _messages(random), "max_tokens": 5}


def _embedding(random: Random) -> Document:
    texts = [_text(random) for _ in range(random.randrange(1, 5))]
    return {"model": "tiny", "input": random.choice((texts, texts[0]))}


def _ranking(random: Random) -> Document:
    return {"model": "tiny", "query": _text(random), "documents": [_text(random)]}


def _scoring(random: Random) -> Document:
    return {"model": "tiny", "text_1": _text(random), "text_2": [_text(random)]}


def _tokens(random: Random) -> Document:
    return {"model": "tiny", "tokens": random.choices(range(9000), k=random.randrange(50))}


_DOCUMENTS: dict[str, Callable[[Random], Document]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _completion,
    "/v1/responses": _response,
    "/v1/messages": _message,
    "/v1/messages/count_tokens": _message,
    "/v1/embeddings": _embedding,
    "/pooling": _embedding,
    "/classify": _embedding,
    "/tokenize": _completion,
    "/detokenize": _tokens,
    "/score": _scoring,
    "/v1/score": _scoring,
    "/rerank": _ranking,
    "/v1/rerank": _ranking,
    "/v2/rerank": _ranking,
}
