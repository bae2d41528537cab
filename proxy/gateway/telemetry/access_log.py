"""Collects the lines of the access log and writes them in batches."""

import asyncio
import os
import select
import time
from collections import deque

from gateway.core.request_record import RequestRecord
from gateway.telemetry.access_line import answered, brief, lines_lost

FLUSH_SECONDS = 0.05
CLOSE_SECONDS = 2.0  # how long a reader that has fallen behind may hold up the end of the process
BACKLOG_BYTES = 4 * 1024 * 1024  # what is kept for a reader that has stopped reading

# A pipe that can be written to takes this much without blocking, in one piece: lines of several
# writers do not mix, and a reader that stands still does not stop the event loop. See pipe(7).
_ATOMIC = select.PIPE_BUF


class AccessLog:
    """One line per request, written to `fd` a moment later. Nothing in here raises or waits.

    `lost` counts the lines that could be neither kept nor written; the log reports them later.
    """

    def __init__(self, fd: int = 1) -> None:
        self.lost = 0
        self._fd = fd
        self._line = brief if os.isatty(fd) else answered
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def line(self, record: RequestRecord) -> None:
        """Keep the line for the next write; without an event loop, write it at once."""
        try:
            line = self._line(record)
        except (ValueError, TypeError, OverflowError, OSError):  # no text, or no time, at all
            self.lost += 1
            return
        if self._size + len(line) > BACKLOG_BYTES:
            self.lost += 1
            return
        self._lines.append(line)
        self._size += len(line)
        if self._timer is None:
            self._write_soon()

    def close(self) -> None:
        """Write the rest. A reader that has fallen behind gets two seconds to make room for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = time.monotonic() + CLOSE_SECONDS
        while not self._written() and (left := deadline - time.monotonic()) > 0:
            self._poll.poll(left * 1000)

    def _write_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._written()
        else:
            self._timer = loop.call_later(FLUSH_SECONDS, self._write_or_later)

    def _write_or_later(self) -> None:
        self._timer = None
        if not self._written():
            self._write_soon()

    def _written(self) -> bool:
        """Write all that can be written without waiting; return whether nothing is left."""
        while self._lines or self._report_lost():
            batch = self._take()
            try:
                count = os.write(self._fd, batch) if self._poll.poll(0) else 0
            except BlockingIOError:
                count = 0
            except OSError:  # the reader is gone, or the disk is full
                self._lose(batch)
                return True
            if count < len(batch):
                self._lines.appendleft(batch[count:])
                self._size += len(batch) - count
            if not count:
                return False
        return True

    def _take(self) -> bytes:
        """Return the next lines that fit into one atomic write, or the first part of one line."""
        batch = self._lines.popleft()
        if len(batch) > _ATOMIC:
            self._lines.appendleft(batch[_ATOMIC:])
            batch = batch[:_ATOMIC]
        else:
            while self._lines and len(batch) + len(self._lines[0]) <= _ATOMIC:
                batch += self._lines.popleft()
        self._size -= len(batch)
        return batch

    def _report_lost(self) -> bool:
        if not self.lost:
            return False
        self._lines.append(lines_lost(self.lost))
        self._size += len(self._lines[-1])
        self.lost = 0
        return True

    def _lose(self, batch: bytes) -> None:
        self.lost += sum(lines.count(b"\n") for lines in (batch, *self._lines))
        self._lines.clear()
        self._size = 0
