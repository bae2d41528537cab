"""The file that keeps the usage: what it holds, and that neither a crash nor a damage costs more.

It is written whole, beside itself, and moved into place. A damaged one is put aside.
"""

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, field

from gateway.core.log import logger

Count = Annotated[int, Meta(ge=0)]


class Counts(Struct, gc=False, forbid_unknown_fields=True):
    """`errors` are answers of 400 and more, and streams that ended with one."""

    requests: Count = 0
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    errors: Count = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.errors + other.errors,
        )


class Book(Struct, forbid_unknown_fields=True):
    """All by key id. `before`: the sums of all days but this one, used longest ago first.

    `history`: what `today` was on past days, as it was written: a save costs what today costs.
    """

    day: date
    today: dict[str, Counts] = field(default_factory=dict)
    before: dict[str, Counts] = field(default_factory=dict)
    history: dict[date, Raw] = field(default_factory=dict)


def read(path: Path) -> Book | None:
    """Return what the file holds; None if there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Book)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("usage counted from zero: %s, %s", type(error).__name__, _put_aside(path))
        return None


def write(path: Path, book: Book) -> None:
    """Replace the file whole or not at all. Raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(book))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _put_aside(path: Path) -> str:
    """Return where the file is now."""
    aside = path.with_name(path.name + ".damaged")
    try:
        if path.is_file():
            path.replace(aside)
            return f"{path} is kept as {aside}"
    except OSError as error:
        return f"{path} cannot be put aside: {error.strerror}"
    return f"{path} is no file"
