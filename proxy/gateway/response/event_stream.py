"""Server-sent events: passed on whole, and judged whether the stream is complete.

A partial event must not reach the client: an error event that follows would be read as part of it.
So bytes are passed on up to the last blank line; the rest waits for the next read.
Events are not parsed: the end of the stream and its usage are read off its last bytes.
"""

import re
from collections import deque

from gateway.core.dialects import Dialect

_BLANK = (b"\n\n", b"\r\n\r\n")

# Inside a JSON string every quote is escaped, so generated text cannot look like these.
_NO_CHOICES = re.compile(rb'"choices": ?\[\]')
_USAGE = re.compile(rb'"usage": ?\{')
_NO_USAGE = re.compile(rb', ?"usage": ?null')
_INPUT = re.compile(rb'"(?:prompt|input)_tokens": ?(\d{1,12})')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens": ?(\d{1,12})')

_TAIL_READS = 8  # hold the last choice and the usage that may follow it
_TAIL_BYTES = 8 * 1024  # of one read
_HOLD_BYTES = 1024 * 1024  # an event beyond this passes in pieces


CUT = "The model server was stopped before the answer was complete."


class EventStream:
    """Feed what the backend sends; pass on what is returned. `defect`: why it is not complete.

    `failed`: the backend ended it itself, with an error.

    `strip`: the gateway asked for the usage, not the client; it is taken out again.
    """

    __slots__ = ("_dialect", "_mark", "_rest", "_strip", "_tail", "defect", "done", "failed")

    def __init__(self, dialect: Dialect, *, strip: bool = False) -> None:
        self._dialect = dialect
        self._mark = dialect.mark
        self._strip = strip
        self._tail: deque[bytes] = deque(maxlen=_TAIL_READS)
        self._rest = b""
        self.done = self.failed = False
        self.defect = "The model server ended the stream before it was complete."

    @property
    def is_whole(self) -> bool:
        """Whether an event of ours may be sent now without splitting one of the backend's."""
        return not self._rest

    def passes(self, frame: bytes) -> bool:
        """Whether a chunk, framing included, is whole events that pass as they are."""
        if (
            self._rest
            or not frame.endswith(b"\n\n\r\n")
            or self._mark in frame
            or (self._strip and b'"usage"' in frame)
            or len(frame) > _TAIL_BYTES
        ):
            return False
        self._tail.append(frame)
        return True

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events at hand, without a last event that closes nothing."""
        if self._rest or not chunk.endswith(_BLANK):
            chunk, self._rest = _split(self._rest + chunk)
        if self._strip and b'"usage"' in chunk:
            chunk = self._without_usage(chunk)
        elif chunk:  # the pieces of a torn event must not push out what came before it
            self._tail.append(chunk[-_TAIL_BYTES:])
        return self._judge(chunk) if self._mark in chunk else chunk

    def flush(self) -> bytes:
        """Return a last event that lacked its blank line; any other torn event is dropped.

        Nothing more is to come: an error of the backend's own is an end as well.
        """
        dialect = self._dialect
        rest, self._rest = self._rest, b""
        begin = _last_line(rest, dialect.lead)
        if begin >= 0 and dialect.last.match(rest + b"\n", begin):
            return self.feed(rest.rstrip() + b"\n\n")
        if not self.done and dialect.failed.search(b"".join(self._tail)):
            self.done = self.failed = True
        return b""

    def usage(self) -> tuple[int | None, int | None]:
        """Return (input, output) tokens, as far as the backend reported them."""
        tail = b"".join(self._tail)
        tail = tail[max(tail.rfind(b'"usage"'), 0) :]
        given, made = _INPUT.findall(tail), _OUTPUT.findall(tail)
        return int(given[-1]) if given else None, int(made[-1]) if made else None

    def _judge(self, chunk: bytes) -> bytes:
        dialect = self._dialect
        begin = _last_line(chunk, dialect.lead)
        if begin < 0 or not dialect.last.match(chunk, begin):
            return chunk
        tail = b"".join(self._tail)
        aborted = dialect.aborted is not None and dialect.aborted.search(tail)
        complete = dialect.complete is None or dialect.complete.search(tail)
        self.failed = dialect.failed.search(tail) is not None
        if self.failed or (complete and not aborted):
            self.done = True
            return chunk
        if aborted:
            self.defect = CUT
        return chunk[:begin]

    def _without_usage(self, chunk: bytes) -> bytes:
        blank = b"\r\n\r\n" if chunk.endswith(b"\r\n\r\n") else b"\n\n"
        kept = []
        for event in chunk.split(blank):
            self._tail.append(event[-_TAIL_BYTES:])
            if not (_NO_CHOICES.search(event) and _USAGE.search(event)):
                kept.append(_NO_USAGE.sub(b"", event))
        return blank.join(kept)


def _last_line(text: bytes, lead: bytes) -> int:
    """Return where the last line that begins so does, -1 if none does."""
    before = text.rfind(b"\n" + lead)
    return before + 1 if before >= 0 or text.startswith(lead) else -1


def _split(held: bytes) -> tuple[bytes, bytes]:
    """Whole events, and the torn one after them."""
    end = max(held.rfind(blank) + len(blank) if blank in held else 0 for blank in _BLANK)
    if end == 0 and len(held) > _HOLD_BYTES:
        return held[:-1], held[-1:]  # the rest marks the event as not whole
    return held[:end], held[end:]
