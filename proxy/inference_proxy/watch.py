"""Stop a request where it stands when its client leaves or one of its budgets ends.

Racing each chunk against the two would cost more than the chunk itself. Instead the request's own
task is cancelled, and leaving the `async with` turns that into the reason. The backend's connection
closes on the way out, which is what frees the GPU, in every phase alike.
"""

import asyncio
from types import TracebackType
from typing import Self

from litestar.types import Receive

from inference_proxy.errors import BudgetEnded, ClientLeft
from inference_proxy.timeouts import Budgets


class Watch:
    """`async with Watch(receive, budgets)`: raises ClientLeft or BudgetEnded out of the block."""

    __slots__ = (
        "_budgets", "_last", "_listener", "_loop", "_reason", "_receive", "_saw_bytes", "_started",
        "_task", "_timer",
    )  # fmt: skip

    def __init__(self, receive: Receive, budgets: Budgets) -> None:
        self._receive = receive
        self._budgets = budgets
        self._reason: Exception | None = None
        self._saw_bytes = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._started = self._last = self._loop.time()
        self._listener = self._loop.create_task(self._listen())
        self._timer = self._loop.call_later(self._budgets.first_byte, self._check)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._listener.cancel()
        self._timer.cancel()
        if self._reason is None or self._task is None:
            return
        self._task.uncancel()
        if kind is asyncio.CancelledError:
            raise self._reason from None

    def progress(self) -> None:
        """Bytes came: the next gap is measured from here."""
        self._last = self._loop.time()
        if not self._saw_bytes:
            self._saw_bytes = True
            self._timer.cancel()
            self._check()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._stop(ClientLeft())

    def _check(self) -> None:
        """End the budget that is due, or look again when the next one is."""
        budgets = self._budgets
        gap = budgets.idle if self._saw_bytes else budgets.first_byte
        due = min(self._started + budgets.total, self._last + gap)
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._check)
        elif due == self._started + budgets.total:
            self._stop(BudgetEnded("the whole answer", budgets.total))
        else:
            what = "the gap between chunks" if self._saw_bytes else "the first byte"
            self._stop(BudgetEnded(what, gap))

    def _stop(self, reason: Exception) -> None:
        if self._reason is None and self._task is not None:
            self._reason = reason
            self._task.cancel()
