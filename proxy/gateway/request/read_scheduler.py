"""Reads large bodies round robin, one piece at a time; the event loop is free between two."""

import asyncio
from collections import deque
from collections.abc import Callable

Step = Callable[[], bool]  # reads one piece; False: it was the last one


class ReadScheduler:
    """One piece of one body in each round of the loop, however many bodies there are."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()

    def add(self, step: Step) -> None:
        self._steps.append(step)
        if len(self._steps) == 1:
            asyncio.get_running_loop().call_soon(self._read)

    def _read(self) -> None:
        step = self._steps[0]
        try:
            if step():
                self._steps.append(step)
        finally:
            self._steps.popleft()
            if self._steps:
                asyncio.get_running_loop().call_soon(self._read)
