"""Takes the usage out of a stream whose client did not ask for it.

vLLM puts its `system_fingerprint` into the event that finishes an answer; asked for the usage it
puts it into the usage's own event instead. So finishing events wait for that event, which follows
at once, and get the fingerprint back.
"""

import re

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_NO_USAGE = re.compile(rb',\s*"usage"\s*:\s*null')
_FINISHED, _UNFINISHED = (
    re.compile(rb'"finish_reason"\s*:\s*"'),
    re.compile(rb'"finish_reason"\s*:\s*null'),
)
_FINGERPRINT = re.compile(rb'"system_fingerprint"\s*:\s*"(?:[^"\\]|\\.)*"')

_MOST_WAITING = 128  # choices, and comments between them


class UsageStripper:
    """Feed whole events; pass on what is returned, and what `flush` returns at the end."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    @property
    def is_waiting(self) -> bool:
        """Whether an event is held: what comes next must be fed too."""
        return bool(self._waiting)

    def feed(self, chunk: bytes) -> bytes:
        blank = b"\r\n\r\n" if chunk.endswith(b"\r\n\r\n") else b"\n\n"
        *events, comments = chunk.split(blank)
        kept: list[bytes] = []
        for event in events:
            kept += self._take(event + blank)
        return b"".join(kept) + comments

    def flush(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)

    def _take(self, event: bytes) -> list[bytes]:
        if _NO_CHOICES.search(event) and _USAGE.search(event):
            found = _FINGERPRINT.search(event)
            waiting, self._waiting = self._waiting, []
            return waiting if found is None else [_with(one, found.group()) for one in waiting]
        event = _NO_USAGE.sub(b"", event)
        if len(self._waiting) < _MOST_WAITING and self._must_wait(event):
            self._waiting.append(event)
            return []
        if _UNFINISHED.search(event):  # another choice goes on
            return [event]
        waiting, self._waiting = self._waiting, []
        return [*waiting, event]

    def _must_wait(self, event: bytes) -> bool:
        if event.startswith(b":"):  # comments keep their place
            return bool(self._waiting)
        return _FINISHED.search(event) is not None and not _FINGERPRINT.search(event)


def _with(event: bytes, field: bytes) -> bytes:
    """Return an event of one JSON object with one field more; a comment as it is."""
    end = event.rfind(b"}")
    return event if end < 0 or event.startswith(b":") else event[:end] + b"," + field + event[end:]
