"""Read a large JSON body piece by piece, with the very decoder that reads a small one in one go.

The body is cut into documents of about one piece. What is open at a cut is closed there with
placeholders, and opened again with placeholders at the beginning of the next document:

    {"messages":[{"a":1,          {"messages":[{"a":1,"":0}]}
    "b":2},3],"model":"x"}   ->   {"":[{"":0,"b":2},3],"model":"x"}

So the body is valid if and only if all its documents are, and has the fields that they have: the
last one counts, as within one document. A field that decides something is never cut.
"""

import codecs
from collections.abc import Collection

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.core.restricted_fields import TOP
from gateway.core.segmented_body import SegmentedBody
from gateway.request import edits, field_check, media_hosts
from gateway.request.cost.media import MediaMeter
from gateway.request.cost.prompts import PromptCounter
from gateway.request.incremental import Place, parser_message
from gateway.request.json_split import LONG, SplitPoint, Text
from gateway.request.json_structure import WHITESPACE, is_exceeded
from gateway.request.parameters import (
    PARAMETER_NAMES,
    Fields,
    Parameters,
    StreamOptions,
    made,
)

MOST_UNCUT = 128 * 1024  # bytes of a number, or of a field that is never cut


class JsonReader:
    """See `large.Reader`."""

    def __init__(
        self,
        body: SegmentedBody,
        fields: Fields,
        max_depth: int,
        allowed: Collection[str] = (),
        hosts: Collection[str] = (),
        long: int = LONG,
    ) -> None:
        """`allowed`: see `field_check.check`; `hosts`: see `media_hosts.check`.

        `long`: `json_split.LONG`, less in tests.
        """
        self.parameters = Parameters()
        self.model: Place | None = None
        self._pieces = list(reversed(body.parts))
        self._max_depth = max_depth
        self._allowed = allowed
        self._hosts = hosts
        # What may be refused is not cut: of a cut field no document has both name and value.
        self._uncut = PARAMETER_NAMES - (set(allowed) & TOP.keys())
        self._long = long
        self._usage: tuple[Place | None, bytes] = (None, edits.PLAIN)
        self._decoder = fields
        self._fields: dict[str, object] = {}
        self._opening = b""
        self._rest = b""  # read, and not yet in a document
        self._at = 0  # the place of the first byte of `_rest` in the body
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self.media = MediaMeter()
        self._prompts = PromptCounter(fields.operation)

    @property
    def usage(self) -> tuple[Place | None, bytes]:
        return self._usage

    @property
    def prompts(self) -> int:
        return self._prompts.count

    def name(self, served: str) -> bytes:
        return msgspec.json.encode(served)

    def read(self) -> bool:
        piece = self._pieces.pop() if self._pieces else b""
        self._check_utf8(piece)
        self.media.feed(piece)
        self._rest += piece
        if not self._opening:
            self._skip_whitespace()
        text = Text(self._opening + self._rest, len(self._opening))
        if is_exceeded(text.depths, self._max_depth):
            raise InvalidRequest(
                f"The body is nested deeper than the {self._max_depth} levels taken here."
            )
        if not self._pieces:
            self._judge(text.doc)
            self.parameters = self._made(self._fields)
            return False
        cut = text.cut(self._uncut, self._long)
        if cut is not None:
            self._go_on_after(text, cut)
        elif len(self._rest) > MOST_UNCUT:
            raise _too_long(self._uncut)
        return True

    def _skip_whitespace(self) -> None:
        """Wait for the opening brace: a body without it is no object."""
        begun = self._rest.lstrip(WHITESPACE)
        self._at += len(self._rest) - len(begun)
        self._rest = begun
        if begun and not begun.startswith(b"{"):
            raise InvalidRequest("The body is not what this endpoint takes: Expected `object`.")

    def _check_utf8(self, piece: bytes) -> None:
        is_last = not self._pieces
        try:
            if is_last or self._utf8.getstate()[0] or not piece.isascii():
                self._utf8.decode(piece, is_last)
        except UnicodeDecodeError as error:
            raise InvalidRequest("The body is not valid UTF-8.") from error

    def _go_on_after(self, text: Text, cut: SplitPoint) -> None:
        self._judge(text.doc[: cut.place] + cut.ending)
        self._at += cut.place - len(self._opening)
        self._rest = text.doc[cut.place :]
        self._opening = cut.opening

    def _judge(self, document: bytes) -> None:
        """Decode one document and take over its fields. Raises InvalidRequest."""
        try:
            found = self._decoder.part(document)
        except RecursionError as error:
            raise InvalidRequest("The body is nested too deeply.") from error
        except ValueError as error:
            raise _refused(error) from error
        field_check.check(field_check.restricted(found), document, self._allowed)
        media_hosts.check(document, self._hosts, self._prompts.open)
        self.media.add_text(document, self._prompts.open)
        self._prompts.feed(document)
        self._fields |= found
        if "model" in found:
            self.model = self._place(edits.model_place(document))
        if isinstance(found.get("stream_options"), StreamOptions | dict):
            place, options = edits.usage_options(document)
            self._usage = self._place(place), options

    @staticmethod
    def _made(fields: dict[str, object]) -> Parameters:
        try:
            return made(fields)
        except ValueError as error:
            raise _refused(error) from error

    def _place(self, place: Place | None) -> Place | None:
        """Turn a place of the document into one of the body."""
        if place is None:
            return None
        more = self._at - len(self._opening)
        return place[0] + more, place[1] + more


def _refused(error: ValueError) -> InvalidRequest:
    reason = parser_message(error)
    return InvalidRequest(f"The body is not what this endpoint takes: {reason}.")


def _too_long(uncut: Collection[str]) -> InvalidRequest:
    names = ", ".join(sorted(uncut))
    return InvalidRequest(
        f"The body is not JSON, or one value of it is longer than {MOST_UNCUT} bytes: a number, or "
        f"one of the fields {names}. Send it shorter."
    )
