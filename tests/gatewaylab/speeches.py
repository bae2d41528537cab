"""What each endpoint that generates is asked, and how its stream sounds on the wire."""

import json
from dataclasses import dataclass

from gatewaylab.model_server import Call, sse
from gatewaylab.running import Running

BOUNDARY = "gatewaylab"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
JSON = "application/json"

WHOLE_ONLY = (
    "/v1/messages/count_tokens", "/v1/embeddings", "/tokenize", "/detokenize", "/pooling",
    "/classify", "/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank",
)  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """`word` is an event in the middle of a stream; `end` ends it well, `last` being its last."""

    path: str
    word: bytes
    end: bytes
    last: bytes
    kind: str = JSON

    def body(self, *, stream: bool, model: str = "tiny") -> bytes:
        if self.kind == FORM:
            return form(model=model, stream=str(stream).lower(), file=b"RIFF\r\n--\x00\xff")
        return json.dumps({"model": model, "stream": stream}).encode()

    async def speak(self, call: Call) -> None:
        """Answer as a model server should: a stream if one is asked for."""
        call.start_stream()
        call.chunk(self.word)
        call.chunk(self.end)
        call.write(b"0\r\n\r\n")


def form(**fields: str | bytes) -> bytes:
    parts = []
    for name, value in fields.items():
        disposition = f'Content-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            disposition += '; filename="s\u00e4tze.wav"\r\nContent-Type: audio/wav'
        said = value.encode() if isinstance(value, str) else value
        parts.append(f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + said + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def event(name: str, **fields: object) -> bytes:
    said = json.dumps({"type": name} | fields, separators=(",", ":"))
    return f"event: {name}\ndata: {said}\n\n".encode()


_DONE = b"data: [DONE]\n\n"
_STOP = event("message_stop")
_COMPLETED = event("response.completed", response={"status": "completed"})
_WORD = b'data: {"choices":[{"index":0,"text":"one","finish_reason":null}]}\n\n'
_END = b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\n'

CHAT = Speech("/v1/chat/completions", sse("one"), sse("", "stop") + _DONE, _DONE)
COMPLETIONS = Speech("/v1/completions", _WORD, _END + _DONE, _DONE)
RESPONSES = Speech(
    "/v1/responses",
    event("response.output_text.delta", delta="one"),
    _COMPLETED,
    _COMPLETED,
)
MESSAGES = Speech(
    "/v1/messages",
    event("content_block_delta", delta={"type": "text_delta", "text": "one"}),
    event("message_delta", delta={"stop_reason": "end_turn"}) + _STOP,
    _STOP,
)
TRANSCRIPTIONS = Speech(
    "/v1/audio/transcriptions", sse("one"), sse("", "stop") + _DONE, _DONE, FORM
)
TRANSLATIONS = Speech("/v1/audio/translations", sse("one"), sse("", "stop") + _DONE, _DONE, FORM)

GENERATING = (CHAT, COMPLETIONS, RESPONSES, MESSAGES, TRANSCRIPTIONS, TRANSLATIONS)


async def asked(gateway: Running, speech: Speech = CHAT, every: str = "0.1") -> tuple[int, bytes]:
    """Ask for a stream with comments; return the status and all bytes."""
    answer = await gateway.client.post(
        speech.path,
        content=speech.body(stream=True),
        headers={"content-type": speech.kind, "x-stream-keepalive": every},
    )
    return answer.status_code, answer.content
