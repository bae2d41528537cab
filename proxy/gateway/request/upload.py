"""A request's body while it arrives: held once, and given up when it stalls."""

from gateway.core.segmented_body import SegmentedBody
from gateway.settings.gateway_settings import Settings

SMALL_BYTES = 32 * 1024  # up to here a body is one object, and read in one go
PIECE_BYTES = 64 * 1024  # of a larger one


class Upload:
    """`size`: bytes that have come, counted also after `drop`. Seconds count from its head."""

    __slots__ = ("_only", "_pieces", "_seen_at", "_seen_size", "_tail", "size")

    def __init__(self) -> None:
        self.size = 0
        self._only = b""  # the first part, while there is no other: most bodies have one
        self._tail: bytearray | None = None
        self._pieces: list[bytes] = []
        self._seen_at = 0.0
        self._seen_size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        tail = self._tail
        if tail is None:
            if not self._only:
                self._only = data
                return
            tail = self._tail = bytearray(self._only)
            self._only = b""
        tail.extend(data)
        if self.size > SMALL_BYTES:
            self._cut(tail)

    def drop(self) -> None:
        """Drop what has been received."""
        self._only, self._tail, self._pieces = b"", None, []

    def take(self) -> bytes | SegmentedBody:
        """Return the whole body and keep nothing of it: in segments if it is large."""
        only, tail, pieces = self._only, self._tail, self._pieces
        self.drop()
        if self.size <= SMALL_BYTES:
            return only if tail is None else bytes(tail)
        if tail is None:
            tail = bytearray(only)
        while tail:
            pieces.append(bytes(tail[:PIECE_BYTES]))
            del tail[:PIECE_BYTES]
        return SegmentedBody(pieces)

    def why_too_slow(self, elapsed: float, settings: Settings) -> str | None:
        """Return what is wrong with its pace, `elapsed` seconds after its head; asked regularly."""
        most, rate = settings.upload_seconds, settings.upload_rate
        if elapsed > most:
            return f"The body did not arrive within {most:g} s: send less in one request."
        seconds, came = elapsed - self._seen_at, self.size - self._seen_size
        if seconds < settings.upload_grace_seconds:
            return None
        if came < rate * seconds:
            return (
                f"The body arrives too slowly: {came} bytes in {seconds:.3g} s, where {rate} bytes "
                "per second are the least."
            )
        self._seen_at, self._seen_size = elapsed, self.size
        return None

    def _cut(self, tail: bytearray) -> None:
        while len(tail) >= PIECE_BYTES:
            self._pieces.append(bytes(tail[:PIECE_BYTES]))
            del tail[:PIECE_BYTES]
