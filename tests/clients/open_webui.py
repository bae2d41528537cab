"""`python -m clients.open_webui serve`: the requests of Open WebUI, without Open WebUI.

Its package brings a machine-learning framework along. These are the requests that release 0.12.4
sends, by the same HTTP client (`open_webui/routers/openai.py`, `utils/headers.py`,
`retrieval/utils.py`), to the addresses that its environment variables name.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Document = dict[str, Any]

# Sent with ENABLE_FORWARD_USER_INFO_HEADERS.
USER = {
    "X-OpenWebUI-User-Name": "Alice%20Doe",
    "X-OpenWebUI-User-Id": "0d0a2e32",
    "X-OpenWebUI-User-Email": "alice@example.com",
    "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "24b1e6ee",
}


class Refused(Exception):
    """The status, and the body, of which Open WebUI shows `error`."""

    def __init__(self, status: int, body: Document) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


@dataclass(frozen=True)
class OpenWebUI:
    """One connection."""

    url: str
    key: str

    @classmethod
    def from_env(cls) -> Self:
        return cls(os.environ["OPENAI_API_BASE_URL"], os.environ["OPENAI_API_KEY"])

    async def models(self) -> list[str]:
        listed = [
            await self._whole(answer) async for answer in self._sent("GET", f"{self.url}/models")
        ]
        return [str(model["id"]) for model in listed[0]["data"]]

    async def streamed(self, payload: Document) -> list[Document]:
        """Return the deltas of a chat, as they came."""
        return [
            choice["delta"]
            async for answer in self._sent("POST", f"{self.url}/chat/completions", payload)
            async for chunk in self._chunks(answer)
            for choice in chunk["choices"]
        ]

    async def whole(self, payload: Document) -> str:
        """Return the text of a chat that is not streamed: a title, for example."""
        url = f"{self.url}/chat/completions"
        [said] = [await self._whole(answer) async for answer in self._sent("POST", url, payload)]
        return str(said["choices"][0]["message"]["content"])

    async def embedded(self, model: str, texts: list[str]) -> list[list[float]]:
        url, payload = f"{self.url}/embeddings", {"input": texts, "model": model}
        [said] = [await self._whole(answer) async for answer in self._sent("POST", url, payload)]
        return [entry["embedding"] for entry in said["data"]]

    async def _sent(
        self, method: str, url: str, payload: Document | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = USER | {
            "Content-Type": "application/json",  # with GET, too
            "Authorization": f"Bearer {self.key}",
        }
        data = None if payload is None else json.dumps(payload)
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.request(method, url, data=data, headers=headers) as answer,
        ):
            yield answer

    async def _whole(self, answer: aiohttp.ClientResponse) -> Document:
        said: Document = await answer.json()
        if answer.status >= 400:
            raise Refused(answer.status, said)
        return said

    async def _chunks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[Document]:
        if "text/event-stream" not in answer.headers.get("Content-Type", ""):
            await self._whole(answer)
        async for line in answer.content:
            data = line.decode().removeprefix("data:").strip()
            if data and data != "[DONE]":
                yield json.loads(data)


async def serve() -> None:
    """Answer a first chat with the first model that is listed."""
    ui = OpenWebUI.from_env()
    [model, *_] = await ui.models()
    said = [{"role": "user", "content": "Say hello"}]
    deltas = await ui.streamed({"stream": True, "model": model, "messages": said})
    sys.stdout.write("".join(delta.get("content") or "" for delta in deltas) + "\n")


if __name__ == "__main__":
    assert sys.argv[1:] == ["serve"], sys.argv
    asyncio.run(serve())
