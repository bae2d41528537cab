"""A large request body: many pieces of bytes that are never joined, so that none is held twice."""

from collections.abc import Iterable


class SegmentedBody:
    """`parts` in their order; `size` is their sum, in bytes."""

    __slots__ = ("parts", "size")

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = tuple(parts)
        self.size = sum(map(len, self.parts))

    def __len__(self) -> int:
        return self.size

    def start(self, size: int) -> bytes:
        """Return the first bytes, `size` of them if there are as many."""
        return self.cut(0, size)

    def cut(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` up to `end`."""
        return b"".join(self._range(begin, end))

    def replaced(self, begin: int, end: int, value: bytes) -> "SegmentedBody":
        """Return the body with other bytes between two places; what stays is not copied."""
        return SegmentedBody((*self._range(0, begin), value, *self._range(end, self.size)))

    def rindex(self, byte: bytes) -> int:
        """Return the last place of a byte. Raises ValueError if there is none."""
        end = self.size
        for part in reversed(self.parts):
            end -= len(part)
            found = part.rfind(byte)
            if found >= 0:
                return end + found
        raise ValueError(f"{byte!r} is not in the body")

    def _range(self, begin: int, end: int) -> Iterable[bytes]:
        at = 0
        for part in self.parts:
            first, last = max(begin - at, 0), min(end - at, len(part))
            if first < last:
                yield part if last - first == len(part) else part[first:last]
            at += len(part)
