"""Twenty requests a second, half of them streams, each where the public name leads then."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from dataclasses import dataclass

import httpx
from twinlab import Installation

A_SECOND = 20
_MODEL = re.compile(r'"model": ?"(\w+)"')


@dataclass(frozen=True, slots=True)
class Asked:
    """at: seconds since the client's start. status: of HTTP, or the connection's error.

    seconds: until its last byte. is_whole: it ended as the API says; a refused one has not begun.
    model: that answered, empty for none.
    """

    at: float
    is_stream: bool
    status: int | str
    seconds: float
    is_whole: bool
    model: str = ""

    @property
    def end(self) -> float:
        return self.at + self.seconds


class Client(threading.Thread):
    """longest: of a stream, in seconds: the model server speaks one token a second then."""

    def __init__(self, aws: Installation, name: str, longest: int) -> None:
        super().__init__(daemon=True)
        self._aws, self._longest = aws, longest
        self._ended, self._began = threading.Event(), time.monotonic()
        self._chance = random.Random(1)  # noqa: S311 - no secret
        self._endpoint, self._key = aws.deployment(name)["endpoint"], aws.api_key(name)
        self._asked: list[Asked] = []

    def run(self) -> None:
        asyncio.run(self._ask_all())

    def stop(self) -> list[Asked]:
        """Ask no more; return every request, once the last stream has ended."""
        self._ended.set()
        self.join(self._longest + 60)
        assert not self.is_alive(), "a stream does not end"
        return sorted(self._asked, key=lambda each: each.at)

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    async def _ask_all(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        number = 0
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=self._longest + 30, limits=limits) as http:
            while not self._ended.is_set():
                tasks.add(asyncio.create_task(self._ask(http, is_stream=number % 2 == 1)))
                number += 1
                await asyncio.sleep(max(0.0, self._began + number / A_SECOND - time.monotonic()))
            await asyncio.gather(*tasks)

    async def _ask(self, http: httpx.AsyncClient, *, is_stream: bool) -> None:
        at, is_whole, last, model = self.now, False, "", ""
        status: int | str = ""
        # The stub repeats the end of the question: there is enough to say for the longest stream.
        said = "Speak slowly." + " a" * self._longest if is_stream else "hello"
        tokens = self._chance.randint(1, self._longest) if is_stream else 1
        body = {
            "messages": [{"role": "user", "content": said}],
            "stream": is_stream,
            "max_tokens": tokens,
        }
        try:
            origin = self._aws.origins()[self._endpoint]
            headers = {"Authorization": f"Bearer {self._key}"}
            url = f"{origin}/v1/chat/completions"
            async with http.stream("POST", url, json=body, headers=headers) as answer:
                status = answer.status_code
                async for line in answer.aiter_lines():
                    last = line or last
                    if found := _MODEL.search(line):
                        model = found[1]
                is_whole = not is_stream or last == "data: [DONE]"
        except (httpx.HTTPError, KeyError) as error:
            status = status or type(error).__name__
        self._asked.append(Asked(at, is_stream, status, self.now - at, is_whole, model))
