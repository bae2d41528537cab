"""Wait for evidence: the one way in which tests wait for something that other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float) -> Any:
    """Return the first thing seen that is good; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} s"
        time.sleep(0.1)
    return seen
