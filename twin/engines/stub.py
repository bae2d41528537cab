"""`python -m twin.engines.stub --port N --model NAME`: the OpenAI API without a model.

Stands where vLLM stands on an instance: the same routes and error bodies, loopback only, and
connections are refused until it has "loaded". After SIGUSR1 it hangs as vLLM may: its server
answers, no token comes. Its text, `system_fingerprint` and `owned_by` say
that it is a stub.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
import uuid
from typing import Any

from aiohttp import web
from twin.engines import stub_answers as answers
from twin.engines import stub_errors
from twin.engines.stub_answers import Answer, BadRequest, UnknownModel
from twin.processes import die_with_parent

NAME = "lamplighter-stub"
VERSION = "0.1.0+stub"

# A request to speak slowly gets one token a second.
_SLOWLY, _SLOW_SECONDS = "slowly", 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="twin.engines.stub")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True, help="the name it answers to")
    parser.add_argument("--load-seconds", type=float, default=0.0)
    parser.add_argument("--token-seconds", type=float, default=0.0, help="pause between tokens")
    options = parser.parse_args()
    die_with_parent()
    engine = Engine(options.model, options.token_seconds)
    signal.signal(signal.SIGUSR1, lambda *_: engine.wedge())
    time.sleep(options.load_seconds)
    web.run_app(engine.app(), host="127.0.0.1", port=options.port, print=None, access_log=None)


class Engine:
    """One model's API; running and generated are what vLLM's metrics count."""

    def __init__(self, model: str, token_seconds: float) -> None:
        self.model, self.token_seconds = model, token_seconds
        self.running = self.generated = 0
        self._frozen: str | None = None  # its metrics, since it is wedged

    def wedge(self) -> None:
        """Go on answering for the server, and produce no token any more: SIGUSR1."""
        self._frozen = self._metrics()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[stub_errors.explained], client_max_size=64 * 2**20)
        app.add_routes([
            web.get("/health", self.health), web.get("/ping", self.health),
            web.get("/version", self.version), web.get("/metrics", self.metrics),
            web.get("/v1/models", self.models), web.post("/tokenize", self.tokenize),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/completions", self.completions),
            web.post("/v1/embeddings", self.embeddings),
        ])  # fmt: skip
        return app

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": VERSION})

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=self._frozen or self._metrics())

    def _metrics(self) -> str:
        label = f'{{model_name="{self.model}"}}'
        return (
            f"vllm:num_requests_running{label} {self.running}\n"
            f"vllm:num_requests_waiting{label} 0\n"
            f"vllm:generation_tokens_total{label} {self.generated}\n"
        )

    async def models(self, _: web.Request) -> web.Response:
        card = {
            "id": self.model, "object": "model", "created": 0, "owned_by": NAME,
            "max_model_len": answers.MAX_MODEL_LEN,
        }  # fmt: skip
        return web.json_response({"object": "list", "data": [card]})

    async def tokenize(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        text = body["prompt"] if "prompt" in body else answers.chat_prompt(body)
        count = len(answers.tokenize(str(text)))
        listed = {"count": count, "tokens": list(range(count))}
        return web.json_response(listed | {"max_model_len": answers.MAX_MODEL_LEN})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        answer = answers.answer(self.model, answers.chat_prompt(body), answers.limit_of(body))
        return await self._respond(request, body, answer, "chat.completion")

    async def completions(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        if not isinstance(body.get("prompt"), str):
            raise BadRequest("prompt: a text is required")
        answer = answers.answer(self.model, body["prompt"], answers.limit_of(body))
        return await self._respond(request, body, answer, "text_completion")

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        given = body.get("input")
        texts: list[Any] = given if isinstance(given, list) else [given]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise BadRequest("input: a text, or a list of texts, is required")
        encoded = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": answers.embedding(text, encoded=encoded),
            }
            for i, text in enumerate(texts)
        ]
        count = sum(len(answers.tokenize(text)) for text in texts)
        usage = {"prompt_tokens": count, "total_tokens": count}
        return web.json_response(
            {"object": "list", "model": self.model, "data": data, "usage": usage}
        )

    async def _body(self, request: web.Request) -> dict[str, Any]:
        """The JSON body; raise BadRequest, or UnknownModel when it names another model."""
        try:
            body = await request.json()
        except ValueError as error:
            raise BadRequest(f"the body is no JSON: {error}") from None
        if not isinstance(body, dict):
            raise BadRequest("the body must be a JSON object")
        if body.get("model", self.model) != self.model:
            raise UnknownModel(f"The model `{body['model']}` does not exist.")
        return body

    async def _respond(
        self, request: web.Request, body: dict[str, Any], answer: Answer, kind: str
    ) -> web.StreamResponse:
        self.running += 1
        seconds = _SLOW_SECONDS if _SLOWLY in str(body) else self.token_seconds
        try:
            if body.get("stream"):
                return await self._stream(request, body, answer, kind, seconds)
            for _ in answer.tokens:
                await self._pause(seconds)
            choice = _choice(kind, "message", "".join(answer.tokens), answer.finish_reason)
            return web.json_response(self._document(kind, [choice]) | {"usage": answer.usage})
        finally:
            self.running -= 1

    async def _stream(
        self,
        request: web.Request,
        body: dict[str, Any],
        answer: Answer,
        kind: str,
        seconds: float,
    ) -> web.StreamResponse:
        """Server-sent events: one token a chunk, the usage when asked for, then [DONE]."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        shape = self._document(f"{kind}.chunk" if kind == "chat.completion" else kind, [])
        last = len(answer.tokens) - 1
        for number, token in enumerate(answer.tokens):
            await self._pause(seconds)
            reason = answer.finish_reason if number == last else None
            await _event(response, shape | {"choices": [_choice(kind, "delta", token, reason)]})
        if (body.get("stream_options") or {}).get("include_usage"):
            await _event(response, shape | {"usage": answer.usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _pause(self, seconds: float) -> None:
        if self._frozen is not None:
            await asyncio.Event().wait()  # for ever
        self.generated += 1
        if seconds:
            await asyncio.sleep(seconds)

    def _document(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"stub-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()),
            "model": self.model, "system_fingerprint": NAME, "choices": choices,
        }  # fmt: skip


def _choice(kind: str, field: str, text: str, reason: str | None) -> dict[str, Any]:
    said = {field: {"role": "assistant", "content": text}} if kind[:4] == "chat" else {"text": text}
    return {"index": 0, "finish_reason": reason, "logprobs": None} | said


async def _event(response: web.StreamResponse, document: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(document).encode() + b"\n\n")


if __name__ == "__main__":
    main()
