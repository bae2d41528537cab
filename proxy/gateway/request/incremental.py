"""A body that is too large to be read in one go: read piece by piece, and edited without a copy."""

import re
from typing import Protocol

from gateway.core.errors import InvalidRequest
from gateway.core.segmented_body import SegmentedBody
from gateway.request.cost.media import MediaMeter
from gateway.request.parameters import Parameters

Place = tuple[int, int]  # from a byte up to another one, of the whole body

_AT_BYTE = re.compile(r" \(byte \d+\)")


class Reader(Protocol):
    """Reads one kind of large body. `read` is called until it returns False.

    `model` is the place of the model's name, None where it cannot be replaced. `usage`: see there.
    """

    parameters: Parameters
    model: Place | None

    def read(self) -> bool:
        """Read the next piece and return whether there is another one. Raises InvalidRequest."""

    @property
    def usage(self) -> tuple[Place | None, bytes]:
        """The options of a stream that ask for its usage, and the place of those it has."""

    @property
    def media(self) -> MediaMeter:
        """What it holds beside text."""

    @property
    def prompts(self) -> int:
        """How many prompts it has."""

    def name(self, served: str) -> bytes:
        """Return how a model's name is written in this kind of body."""


def edited(
    body: SegmentedBody, reader: Reader, served: str | None, *, counts: bool
) -> SegmentedBody:
    """Return the body as a backend gets it. Raises InvalidRequest.

    `served`: the model's name there, None if it stays; `counts`: its usage is asked for.
    """
    edits: list[tuple[Place, bytes]] = []
    if served is not None:
        if reader.model is None:
            raise InvalidRequest(
                "The body's 'model' is not written as a plain field.", param="model"
            )
        edits.append((reader.model, reader.name(served)))
    if counts:
        place, options = reader.usage
        if place is None:
            place = body.rindex(b"}"), body.size
            options = b',"stream_options":' + options + b"}"
        edits.append((place, options))
    for (begin, end), value in sorted(edits, reverse=True):  # the last one first: places stay true
        body = body.replaced(begin, end, value)
    return body


def parser_message(error: ValueError) -> str:
    """Return the parser's reason without the place, which is one of a part of the body."""
    return _AT_BYTE.sub("", str(error))
