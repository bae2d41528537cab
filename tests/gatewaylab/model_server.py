"""A model server on a real port: answers like vLLM, and a test may script its every byte."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from gatewaylab.call import Call, Script, read_request, sse

__all__ = ["Call", "ModelServer", "Script", "closed", "sse", "until"]


async def chat(call: Call) -> None:
    if json.loads(call.body).get("stream"):
        call.start_stream()
        for word in ("Hello", " ", "you"):
            call.event(word)
        call.event("", "stop")
        call.end_stream()
        return
    message = {"role": "assistant", "content": "Hello you"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    facts = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "tiny"}
    call.reply(json.dumps(facts | {"choices": [choice]}).encode())


async def completion(call: Call) -> None:
    choice = {"index": 0, "text": "and on", "finish_reason": "length", "logprobs": None}
    facts = {"id": "t-1", "object": "text_completion", "created": 1, "model": "tiny"}
    call.reply(json.dumps(facts | {"choices": [choice]}).encode())


async def embedding(call: Call) -> None:
    entry = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    facts = {"object": "list", "model": "tiny", "data": [entry], "usage": usage}
    call.reply(json.dumps(facts).encode())


async def models(call: Call) -> None:
    names = ("tiny", "org/large")
    entries = [{"id": n, "object": "model", "created": 1, "owned_by": "vllm"} for n in names]
    call.reply(json.dumps({"object": "list", "data": entries}).encode())


async def version(call: Call) -> None:
    call.reply(b'{"version":"0.11.0"}')


async def healthy(call: Call) -> None:
    call.reply(b"")


async def not_served(call: Call) -> None:
    call.reply(b'{"detail":"Not Found"}', "404 Not Found")


class ModelServer:
    """Answers like vLLM, except where a test puts a script of its own in `on[path]`."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self._tls = tls
        self.calls: list[Call] = []
        self.connections = 0
        self.on: dict[str, Script] = {
            "/v1/chat/completions": chat,
            "/v1/completions": completion,
            "/v1/embeddings": embedding,
            "/v1/models": models,
            "/version": version,
            "/health": healthy,
        }

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def inference(self) -> list[Call]:
        """Return what clients asked for: not the gateway's own probes."""
        return [call for call in self.calls if call.path not in {"/health", "/v1/models"}]

    async def called(self, count: int = 1) -> Call:
        await until(lambda: len(self.inference()) >= count)
        return self.inference()[count - 1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while call := await read_request(reader, writer):
                self.calls.append(call)
                if not await self._play(call, reader):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            await closed(writer)

    async def _play(self, call: Call, reader: asyncio.StreamReader) -> bool:
        """Run the script until it ends or the gateway hangs up; whether the wire is still open."""
        script = asyncio.ensure_future(self.on.get(call.path, not_served)(call))
        hangup = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({script, hangup}, return_when=asyncio.FIRST_COMPLETED)
            if not script.done() or isinstance(script.exception(), ConnectionError):
                call.aborted_at = time.perf_counter()
                call.aborted.set()
            else:
                script.result()
        finally:
            for task in (script, hangup):
                task.cancel()
            await asyncio.gather(script, hangup, return_exceptions=True)
        return not call.aborted.is_set() and not call.writer.is_closing()


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 -- what is waited for has no event of its own
            await asyncio.sleep(0.005)
