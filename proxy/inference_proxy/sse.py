"""Server-sent events, passed on whole, and the question whether a stream came to its end.

A torn event must not reach the client: no error event could follow it, because its half line would
be read together with ours. So bytes go on up to the last blank line; the rest waits for the next
read. Events are not parsed: the end of the stream is judged from its last bytes alone.
"""

import re
from collections import deque

_BLANK = (b"\n\n", b"\r\n\r\n")
_DONE = re.compile(rb"(?:^|\n)data: ?\[DONE\]\s*$")
# Inside a JSON string every quote is escaped, so generated text cannot look like these.
_FINISHED = re.compile(rb'"finish_reason": ?"')
_ABORTED = re.compile(rb'"finish_reason": ?"abort"')
_FAILED = re.compile(rb'(?:^|\n)data: ?\{ ?"error"')

_TAIL_BYTES = 16 * 1024  # holds the last choice and the usage chunk that may follow it
_HOLD_BYTES = 1024 * 1024  # an event beyond this passes in pieces


class Events:
    """Feed what the backend sends; pass on what comes back. `defect` says why it is no success."""

    __slots__ = ("_rest", "_size", "_tail", "defect", "done")

    def __init__(self) -> None:
        self._tail: deque[bytes] = deque()
        self._size = 0
        self._rest = b""
        self.done = False
        self.defect = "The model server ended the stream before it was complete."

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events at hand, without a `[DONE]` that closes nothing."""
        if self._rest or not chunk.endswith(_BLANK):
            chunk, self._rest = _split(self._rest + chunk)
        self._remember(chunk)
        return self._judge(chunk) if b"[DONE]" in chunk[-20:] else chunk

    def flush(self) -> bytes:
        """Return a last `[DONE]` that lacked its blank line; any other torn event is dropped."""
        rest, self._rest = self._rest, b""
        if not _DONE.search(rest):
            return b""
        self._remember(rest)
        return self._judge(rest.rstrip() + b"\n\n")

    def _judge(self, chunk: bytes) -> bytes:
        last = _DONE.search(chunk)
        if last is None:
            return chunk
        tail = b"".join(self._tail)
        if _FAILED.search(tail) or (_FINISHED.search(tail) and not _ABORTED.search(tail)):
            self.done = True
            return chunk
        if _ABORTED.search(tail):
            self.defect = "The model server was stopped before the answer was complete."
        return chunk[: last.start()] + (b"\n" if last.start() else b"")

    def _remember(self, chunk: bytes) -> None:
        self._tail.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._tail[0]) > _TAIL_BYTES:
            self._size -= len(self._tail.popleft())


def _split(held: bytes) -> tuple[bytes, bytes]:
    """Whole events, and the torn one after them."""
    end = max(held.rfind(blank) + len(blank) if blank in held else 0 for blank in _BLANK)
    if end == 0 and len(held) > _HOLD_BYTES:
        return held, b""
    return held[:end], held[end:]
