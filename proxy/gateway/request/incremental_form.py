"""Read a large form piece by piece: only its fields `model` and `stream` are looked at."""

import multipart

from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request.cost.media import MediaMeter
from gateway.request.decoding import (
    FORM_FIELD_BYTES,
    FORM_PARTS,
    form_ask,
    form_boundary,
    form_refused,
)
from gateway.request.edits import PART_LENGTH
from gateway.request.incremental import Place
from gateway.request.parameters import Parameters

_LINE_BREAK = 2  # bytes; the first boundary may lack the one before it


class FormReader:
    """See `large.Reader`. A form is audio: it has no usage and no estimate."""

    usage: tuple[Place | None, bytes] = (None, b"")
    media = MediaMeter()
    prompts = 1

    def __init__(self, body: SegmentedBody, content_type: bytes) -> None:
        """Raises InvalidRequest."""
        self.parameters = Parameters()
        self.model: Place | None = None
        self._body = body
        self._pieces = list(reversed(body.parts))
        boundary = form_boundary(content_type)
        self._line = b"\r\n--" + boundary.encode("latin-1")
        try:
            self._parser = multipart.PushMultipartParser(
                boundary, max_segment_count=FORM_PARTS, strict=True
            )
        except (multipart.MultipartError, ValueError) as error:
            raise form_refused() from error
        self._lines: list[int] = []  # where the boundaries begin, with their line breaks
        self._before = b"\r\n"
        self._at = -_LINE_BREAK
        self._parts = 0
        self._name: str | None = None  # of the field that is being read, if it counts
        self._model_part = 0
        self._head = b""  # of the part that holds the model, as it is sent on
        self._fields: dict[str, bytearray] = {}

    def name(self, served: str) -> bytes:
        return self._head + served.encode()

    def read(self) -> bool:
        piece = self._pieces.pop()
        self._find_lines(piece)
        try:
            for event in self._parser.parse(piece):
                self._take(event)
            if not self._pieces:
                self._parser.close()
                self._finish()
        except (multipart.MultipartError, ValueError, LookupError) as error:
            raise form_refused() from error
        return bool(self._pieces)

    def _find_lines(self, piece: bytes) -> None:
        text = self._before + piece
        found = text.find(self._line)
        while found >= 0 and len(self._lines) <= FORM_PARTS + 1:
            self._lines.append(self._at + found)
            found = text.find(self._line, found + 1)
        kept = text[-len(self._line) + 1 :]
        self._at += len(text) - len(kept)
        self._before = kept

    def _take(self, event: "multipart.MultipartSegment | bytes | bytearray | None") -> None:
        if event is None:
            self._name = None
        elif isinstance(event, multipart.MultipartSegment):
            self._parts += 1
            self._begin(event)
        elif self._name is not None:
            value = self._fields[self._name]
            value += event
            if len(value) > FORM_FIELD_BYTES:
                raise _no_text(self._name)

    def _begin(self, part: multipart.MultipartSegment) -> None:
        name = part.name
        if name not in {"model", "stream"}:
            return
        if name in self._fields:
            raise InvalidRequest(f"The form has more than one field {name!r}.", param=name)
        if part.filename is not None:
            raise _no_text(name)
        self._name = name
        self._fields[name] = bytearray()
        if name == "model":
            self._model_part = self._parts

    def _finish(self) -> None:
        self.parameters = form_ask({name: value.decode() for name, value in self._fields.items()})
        if self._model_part:
            self.model = self._model_place(bytes(self._fields["model"]))

    def _model_place(self, value: bytes) -> Place | None:
        """Return where the value stands: right before the boundary that ends its part."""
        end = self._lines[self._model_part]
        begin = end - len(value)
        blank = b"\r\n\r\n"
        if self._body.cut(begin - len(blank), end) != blank + value:
            return None
        first = self._lines[self._model_part - 1] + len(self._line)
        self._head = PART_LENGTH.sub(b"", self._body.cut(first, begin))
        return first, end


def _no_text(name: str) -> InvalidRequest:
    return InvalidRequest(f"The form's field {name!r} is no short text.", param=name)
