"""A time limit for a block of the main thread, by the interval timer of the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from lamplighter.errors import LamplighterError

# Code that swallows exceptions (a finalizer, a broad except) may swallow ours: then once more.
_AGAIN_SECONDS = 2.0


class Late(LamplighterError):
    """Something took longer than it may."""


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """Raise Late inside the block after `seconds`; blocks may be nested, the inner one wins."""

    def late(_number: int, _frame: object) -> None:
        raise Late(f"{what} took longer than {seconds:g} s")

    outer_handler = signal.signal(signal.SIGALRM, late)
    outer_left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, outer_left)
        signal.signal(signal.SIGALRM, outer_handler)
