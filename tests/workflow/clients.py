"""A client that asks a deployment's endpoint all the time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from http import HTTPStatus

import httpx
from patience import eventually
from twinlab import Installation


class Client(threading.Thread):
    """Asks ten times a second, each time where the endpoint's public name leads then.

    seen: what each request got. failed: when those ended that were not answered, in epoch seconds.
    """

    def __init__(self, aws: Installation, name: str) -> None:
        super().__init__(daemon=True)
        self._aws, self._name, self._stopped = aws, name, threading.Event()
        self._endpoint = aws.deployment(name)["endpoint"]
        self._key = aws.api_key(name)
        eventually(aws.origins, lambda known: self._endpoint in known, 10)
        self.seen: list[int | str] = []
        self.failed: list[float] = []

    def run(self) -> None:
        while not self._stopped.wait(0.1):
            answer = self._ask()
            if answer != HTTPStatus.OK:
                self.failed.append(time.time())
            self.seen.append(answer)

    def _ask(self) -> int | str:
        request = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
        try:
            answer = httpx.post(
                f"{self._aws.origins()[self._endpoint]}/v1/chat/completions",
                json=request,
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=30,
            )
        except httpx.HTTPError as error:
            return type(error).__name__
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            return str(answer.json()["error"]["code"])
        return answer.status_code

    def answers(self) -> bool:
        """Whether the last twenty requests were answered."""
        return len(self.seen) >= 20 and set(self.seen[-20:]) == {200}

    def stop(self) -> Counter[int | str]:
        self._stopped.set()
        self.join(60)
        return Counter(self.seen)
