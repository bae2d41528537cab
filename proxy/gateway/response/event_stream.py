"""Server-sent events: passed on whole, and judged whether the stream is complete.

A partial event must not reach the client: an error event that follows would be read as part of it.
So bytes are passed on up to the last blank line; the rest waits for the next read.
Events are not parsed: what they say of the stream is read off their bytes. A stream is called
incomplete only if an answer began in it and did not finish; what cannot be judged passes as it is.
"""

import re

import msgspec

from gateway.core.dialects import Dialect
from gateway.response.usage_stripper import UsageStripper

_BLANK = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n")

# Inside a JSON string every quote is escaped, so generated text cannot look like these.
_FINISH, _UNFINISHED = b'"finish_reason"', re.compile(rb"\s*:\s*null")
_INPUT = re.compile(rb'"(?:prompt|input)_tokens": ?(\d{1,12})')
_OUTPUT = re.compile(rb'"(?:completion|output)_tokens": ?(\d{1,12})')

_HOLD_BYTES = 1024 * 1024  # an event beyond this passes in pieces


CUT = "The model server was stopped before the answer was complete."


class EventStream:
    """Feed what the backend sends; pass on what is returned. `defect`: why it is not complete.

    `has_begun`: an answer began; set it for chunks that were relayed without being fed.
    `failed`: the backend ended it itself, with an error.

    `strip`: the gateway asked for the usage, not the client; it is taken out again.
    """

    __slots__ = (
        "_aborted", "_dialect", "_finished", "_in_pieces", "_input", "_output", "_rest",
        "_stripper", "_words", "defect", "done", "failed", "has_begun",
    )  # fmt: skip

    def __init__(self, dialect: Dialect, *, strip: bool = False) -> None:
        self._dialect = dialect
        self._words = (*dialect.words, b'"usage"') if strip else dialect.words
        self._stripper = UsageStripper() if strip else None
        self._rest = b""
        self._in_pieces = False  # an event was too long to be looked at as a whole
        self._finished = self._aborted = False
        self._input: int | None = None
        self._output: int | None = None
        self.done = self.failed = self.has_begun = False
        self.defect = "The model server ended the stream before it was complete."

    @property
    def is_whole(self) -> bool:
        """Whether an event of ours may be sent now without splitting one of the backend's."""
        return not self._rest

    @property
    def is_complete(self) -> bool:
        """Whether an end here loses nothing, as far as can be seen."""
        if self.failed or self.done:
            return True
        return not self._aborted and (self._finished or self._in_pieces or not self.has_begun)

    def passes(self, frame: bytes) -> bool:
        """Whether a chunk, framing included, is whole events that pass as they are."""
        if self._rest or not self.has_begun or not frame.endswith(b"\n\n\r\n"):
            return False
        if self._stripper is not None and self._stripper.is_waiting:
            return False
        for word in self._words:
            if word in frame:
                return False
        at = frame.find(_FINISH)
        return at < 0 or (
            at == frame.rfind(_FINISH) and _UNFINISHED.match(frame, at + len(_FINISH)) is not None
        )

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events at hand, without a last event that closes nothing."""
        if self._rest or not chunk.endswith(_BLANK):
            chunk, self._rest = self._split(self._rest + chunk)
        if not chunk:
            return b""
        self._look(chunk)
        if self._stripper is not None:
            chunk = self._stripper.feed(chunk)
        return self._without_false_end(chunk)

    def flush(self, *, clean: bool) -> bytes:
        """Return what was held; nothing more is to come. `clean`: the backend ended it itself.

        A last event that lacks only its blank line counts as whole. A torn one is dropped, unless
        nothing follows it.
        """
        rest, self._rest = self._rest, b""
        text = b""
        if rest and _lacks_only_blank(rest):
            text = self.feed(rest.rstrip(b"\r\n") + b"\n\n")
            rest = b""
        if self._stripper is not None:
            text += self._stripper.flush()
        if self.failed:
            self.done = True
        return text + rest if clean and self.is_complete else text

    def usage(self) -> tuple[int | None, int | None]:
        """Return (input, output) tokens, as far as the backend reported them."""
        return self._input, self._output

    def _look(self, events: bytes) -> None:
        dialect = self._dialect
        if not self.has_begun:
            self.has_begun = dialect.began.search(events) is not None
        if dialect.finished.search(events):
            self._finished = True
            self._aborted = self._aborted or dialect.aborted.search(events) is not None
        if not self.failed:
            self.failed = dialect.failed.search(events) is not None
        at = events.find(b'"usage"')
        if at >= 0:
            self._count(events[at:])

    def _count(self, usage: bytes) -> None:
        if given := _INPUT.findall(usage):
            self._input = int(given[-1])
        if made := _OUTPUT.findall(usage):
            self._output = int(made[-1])

    def _without_false_end(self, chunk: bytes) -> bytes:
        found = self._dialect.last.search(chunk)
        if found is None:
            return chunk
        if self.is_complete:
            self.done = True
            return chunk
        if self._aborted:
            self.defect = CUT
        return chunk[: chunk.rfind(b"\n", 0, found.start()) + 1]

    def _split(self, held: bytes) -> tuple[bytes, bytes]:
        """Whole events and comments, and the torn event after them."""
        end = max(held.rfind(blank) + len(blank) if blank in held else 0 for blank in _BLANK)
        while held.startswith(b":", end) and (line := held.find(b"\n", end) + 1):
            end = line
        if end == 0 and len(held) > _HOLD_BYTES:
            self._in_pieces = True
            return held[:-1], held[-1:]  # the rest marks the event as not whole
        return held[:end], held[end:]


def _lacks_only_blank(rest: bytes) -> bool:
    """Whether a last event is whole but for the blank line that should end it."""
    lines = [line for line in rest.splitlines() if line.startswith(b"data:")]
    data = b"\n".join(line[5:] for line in lines).strip()
    if data == b"[DONE]":
        return True
    try:
        msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return False
    return True
