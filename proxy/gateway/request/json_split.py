"""Where a JSON text may be cut, and what closes it there and opens it again after the cut.

A cut is made after the last of `, : [ {` that is no part of a string; inside a long string, between
two of its characters; or after long whitespace. It depends on the bracket that is open:

    after            closed by              opened again by
    [  {             -                      the same
    ,  in a list     0                      0,
    ,  in an object  "":0                   "":0,
    :                null                   the key and :
    a value          -                      0 in a list, "":0 in an object
    a key            :null                  the key
    in a string      " and :null for a key  as before the string, then "

A key of LONG bytes or more is opened again as "".
"""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from gateway.request.json_structure import (
    WHITESPACE,
    bracket_place,
    brackets,
    is_unbalanced,
    open_brackets,
    profile,
    split_at_quotes,
)

# Bytes from which on strings and whitespace are cut themselves; longer than any key that counts,
# each of its letters written as an escape.
LONG = 1024

_MARKS = (b",", b":", b"[", b"{")
_NEAR = 4  # strings back: between two strings of valid JSON there is a mark
_CLOSING = {b"[": b"]", b"{": b"}"}
_HIGH_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_ESCAPE_BYTES = 6


class SplitPoint(NamedTuple):
    """`place`: in the text. The rest begins with `opening`."""

    place: int
    ending: bytes
    opening: bytes


class _Mark(NamedTuple):
    """`part`: the number of the part outside of strings that holds it; `depth`: after it."""

    byte: bytes
    place: int
    part: int
    brackets: int
    depth: int


class Text:
    """A document that begins at the top; the first `opened` bytes of it are placeholders."""

    def __init__(self, doc: bytes, opened: int) -> None:
        self.doc = doc
        self._opened = opened
        self._parts = split_at_quotes(doc)
        self._is_in_string = len(self._parts) % 2 == 0
        self._outside = b'"'.join(self._parts[::2])
        self._brackets = brackets(self._outside)
        self.depths = profile(self._brackets)

    def cut(self, names: Collection[str], long: int) -> SplitPoint | None:
        """Return the last place where it may be cut, None if there is none after the placeholders.

        `names`: the fields of the top level that are not cut. `long`: see LONG.
        """
        mark = self._last_mark()
        if mark is None or is_unbalanced(self.depths):
            return None  # no JSON: the decoder says why
        cut = self._in_whitespace(mark, names, long) or self._at_mark(mark, names, long)
        return cut if cut is not None and cut.place > self._opened else None

    def _last_mark(self) -> _Mark | None:
        last, closed = len(self._parts) - 1 - self._is_in_string, 0
        for part in range(last, max(last - 2 * _NEAR, -1), -2):
            text = self._parts[part]
            found = max(text.rfind(byte) for byte in _MARKS)
            closed += len(brackets(text[found + 1 :]))
            if found >= 0:
                count = len(self._brackets) - closed
                byte, place = text[found : found + 1], self._begin(part) + found + 1
                return _Mark(byte, place, part, count, self.depths[count])
        return None

    def _at_mark(self, mark: _Mark, names: Collection[str], long: int) -> SplitPoint | None:
        if mark.depth < 1:
            return None
        field = self._open_field(mark)
        if field and self._name(field) in names:
            return self._before_field(field)
        stack = self._stack(mark.brackets)
        before, after, is_key = _around(mark.byte, stack, self._key_before(mark.part))
        begin = self._begin(len(self._parts) - 1)
        if self._is_in_string and len(self.doc) - begin >= long:
            place = _between_characters(self.doc, begin)
            before = b'"' + (b":null" if is_key else b"")
            return _cut(place, before, stack, after + b'"')
        return _cut(mark.place, before, stack, after)

    def _in_whitespace(self, mark: _Mark, names: Collection[str], long: int) -> SplitPoint | None:
        """Split at the very end, if that is long whitespace."""
        tail = self._parts[-1]
        text = tail.rstrip(WHITESPACE)
        if self._is_in_string or len(tail) - len(text) < long:
            return None
        place, depth = len(self.doc), self.depths[-1]
        if depth == 0:
            return SplitPoint(place, b"", b"{}")
        last = text[-1:] or b'"'
        field = self._open_field(mark)
        is_kept = field > 0 and self._name(field) in names
        stack = self._stack(len(self._brackets))
        if last == mark.byte:
            before, after, _ = _around(last, stack, self._key_before(mark.part))
            return None if is_kept else _cut(place, before, stack, after)
        if last == b'"' and _around(mark.byte, self._stack(mark.brackets))[2]:
            is_kept = is_kept or (depth == 1 and self._name(len(self._parts) - 2) in names)
            after = _around(b"{", stack)[1] + self._key_before(len(self._parts) - 1)
            return None if is_kept else _cut(place, b":null", stack, after)
        if is_kept and depth > 1:
            return None
        return _cut(place, b"", stack, b'"":0' if stack.endswith(b"{") else b"0")

    def _open_field(self, mark: _Mark) -> int:
        """Return the number of the part that is the key of the top-level field the mark is in.

        0 if it is in none, or in one that began before this text.
        """
        if mark.depth == 1:
            return max(mark.part - 1, 0) if mark.byte == b":" else 0
        number = open_brackets(self.depths, mark.brackets)[1]
        place = bracket_place(self._outside, number)
        key = 2 * self._outside.count(b'"', 0, place) - 1
        return key if key > 0 and self._begin(key) > self._opened else 0

    def _before_field(self, key: int) -> SplitPoint | None:
        place = self._begin(key) - 1
        last = self.doc[:place].rstrip(WHITESPACE)[-1:]
        if last not in {b",", b"{"}:
            return None
        before, after, _ = _around(last, b"{")
        return _cut(place, before, b"{", after)

    def _name(self, part: int) -> str:
        """Return the string of a part inside quotes, escapes read; "" for what is none."""
        if len(self._parts[part]) >= LONG:
            return ""
        try:
            return msgspec.json.decode(b'"%b"' % self._parts[part], type=str)
        except ValueError:
            return ""

    def _key_before(self, part: int) -> bytes:
        """Return the string before a part that is outside of strings, as it is written."""
        begin, size = self._begin(part - 1), len(self._parts[part - 1])
        return b'"%b"' % (self.doc[begin : begin + size] if part > 0 and size < LONG else b"")

    def _stack(self, count: int) -> bytes:
        opened = open_brackets(self.depths, count)
        return bytes(self._brackets[number] for number in opened)

    def _begin(self, part: int) -> int:
        return sum(map(len, self._parts[:part])) + part


def _around(mark: bytes, stack: bytes, key: bytes = b'""') -> tuple[bytes, bytes, bool]:
    """Return what closes a text after a mark, what opens it again, and whether a key follows.

    `key`: what stands before a colon.
    """
    in_object = stack.endswith(b"{")
    if mark == b",":
        return (b'"":0', b'"":0,', True) if in_object else (b"0", b"0,", False)
    if mark == b":":
        return b"null", key + b":", False
    return b"", b"", in_object


def _cut(place: int, before: bytes, stack: bytes, after: bytes) -> SplitPoint:
    return SplitPoint(place, before + _closing(stack), _opening(stack) + after)


def _closing(stack: bytes) -> bytes:
    return b"".join(_CLOSING[one] for one in reversed(_each(stack)))


def _opening(stack: bytes) -> bytes:
    """Return the brackets, each of which is a value of the one before it."""
    return b'"":'.join(stack.replace(b"{", b"{ ").split(b" ")).removesuffix(b'"":')


def _each(stack: bytes) -> list[bytes]:
    return [stack[at : at + 1] for at in range(len(stack))]


def _between_characters(doc: bytes, begin: int) -> int:
    """Return the last place in the string from `begin` on that splits no escape and no pair."""
    end = len(doc)
    for at in _backslashes(doc, max(begin, end - _ESCAPE_BYTES + 1)):
        size = _ESCAPE_BYTES if doc[at + 1 : at + 2] == b"u" else 2
        if _begins_escape(doc, begin, at) and at + size > end:
            end = at
            break
    pair = end - _ESCAPE_BYTES
    if (
        pair >= begin
        and _HIGH_SURROGATE.fullmatch(doc, pair, end)
        and _begins_escape(doc, begin, pair)
    ):
        return pair
    return end


def _backslashes(doc: bytes, begin: int) -> Iterable[int]:
    return [at for at in range(begin, len(doc)) if doc[at] == ord("\\")]


def _begins_escape(doc: bytes, begin: int, at: int) -> bool:
    """Whether the backslash at a place is no escaped one: an even number stand before it."""
    before = doc[begin:at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 0
