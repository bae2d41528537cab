"""A compressed request body: taken apart piece by piece, within the limits of a plain one.

A few bytes can claim to be gigabytes: what comes out is bounded by the largest body, by what the
compressed bytes may reasonably hold, and by what the gateway holds for the key.
"""

import zlib
from collections.abc import Callable
from typing import Any

import zstandard

from gateway.core.errors import BodyTooLarge, InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request.upload import PIECE_BYTES, Upload

MOST_TIMES = 100  # text is compressed to a tenth, seldom to a fiftieth
FREE_BYTES = 1024 * 1024  # that may come out of the smallest body
_WINDOW_BYTES = 8 * 1024 * 1024  # that zstd may look back: the most that its format recommends
_INPUT_BYTES = 4096  # at once: so a step makes a bounded number of bytes

_ZSTD_BYTES = 128
CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate", b"zstd"})


class Decompressor:
    """`step` is called until it returns False; then `taken` has the plain body."""

    def __init__(
        self, coding: bytes, body: bytes | SegmentedBody, most: int, hold: Callable[[int], None]
    ) -> None:
        """`most`: bytes of a plain body; `hold`: called with the size so far, may refuse."""
        self._parts = list(reversed((body,) if isinstance(body, bytes) else body.parts))
        self._most = min(most, FREE_BYTES + MOST_TIMES * len(body))
        self._is_ratio = self._most < most
        self._hold = hold
        self._upload = Upload()
        self._decoder = _decoder(coding)
        self._input = b""

    def step(self) -> bool:
        """Decompress the next piece. Raises InvalidRequest, BodyTooLarge, and what `hold` does."""
        if not self._input and self._parts:
            self._input = self._parts.pop()
        try:
            self._feed()
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise InvalidRequest("The body is not compressed as its headers say.") from error
        if self._input or self._parts:
            return True
        if not self._decoder.eof:
            raise InvalidRequest("The compressed body ends too early.")
        return False

    def taken(self) -> bytes | SegmentedBody:
        return self._upload.take()

    def _feed(self) -> None:
        chunk, self._input = self._input[:_INPUT_BYTES], self._input[_INPUT_BYTES:]
        made = 0
        while chunk:
            if self._decoder.eof:
                raise InvalidRequest("The compressed body goes on after its end.")
            plain = self._decoder.decompress(chunk, PIECE_BYTES)
            made += len(plain)
            self._add(plain)
            chunk = self._decoder.unconsumed_tail
            if self._decoder.unused_data:
                raise InvalidRequest("The compressed body goes on after its end.")
            if made > PIECE_BYTES and chunk:  # the rest is for the next step
                self._input = chunk + self._input
                return

    def _add(self, plain: bytes) -> None:
        if not plain:
            return
        self._upload.add(plain)
        size = self._upload.size
        if size > self._most:
            why = f"more than {MOST_TIMES} times its size" if self._is_ratio else "too much"
            raise BodyTooLarge(
                f"The compressed body holds {why}: it may hold {self._most} bytes. Send it plain."
            )
        self._hold(size)


class _Zstd:
    """zstandard's decompressor in the manner of zlib's.

    It has no limit for what comes out, so little goes in: four bytes may become 128 KiB.
    """

    def __init__(self) -> None:
        self.unconsumed_tail = b""
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        self._inner = decompressor.decompressobj(write_size=PIECE_BYTES)

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, _: int) -> bytes:
        self.unconsumed_tail = data[_ZSTD_BYTES:]
        return bytes(self._inner.decompress(data[:_ZSTD_BYTES]))


def _decoder(coding: bytes) -> Any:
    if coding == b"zstd":
        return _Zstd()
    return zlib.decompressobj(zlib.MAX_WBITS | (16 if coding.endswith(b"gzip") else 0))
