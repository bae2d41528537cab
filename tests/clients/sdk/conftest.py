"""OpenAI's Python client before the lab. The same files run with each major version of it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.lab import Lab


@pytest.fixture(scope="session")
def client(lab: Lab) -> Iterator[openai.OpenAI]:
    """Return a client that does not repeat anything by itself."""
    with openai.OpenAI(base_url=f"{lab.url}/v1", api_key=lab.key, max_retries=0) as client:
        yield client


class Played:
    """One request's own script: `played("die")` goes into `extra_body`; `calls` tells the rest."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.id = uuid.uuid4().hex

    def __call__(self, play: str) -> dict[str, Any]:
        return {"lab": {"id": self.id, "play": play}}

    def calls(self) -> list[dict[str, Any]]:
        return self._lab.calls(self.id)

    def left_after(self, seconds: float = 3.0) -> float:
        """Wait until the gateway has hung up on the engine; return when it did."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for call in self.calls():
                if call["left_after"] is not None:
                    return float(call["left_after"])
            time.sleep(0.01)
        raise AssertionError(f"the engine is still busy after {seconds} s: {self.calls()}")


@pytest.fixture
def played(lab: Lab) -> Played:
    return Played(lab)


@pytest.fixture(autouse=True)
def nothing_stays_in_flight(lab: Lab) -> Iterator[None]:
    """Whatever a test did, the gateway's slots are free again soon after it."""
    yield
    end = time.monotonic() + 5
    while lab.in_flight() and time.monotonic() < end:
        time.sleep(0.01)
    assert lab.in_flight() == 0
