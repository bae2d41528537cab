"""The layout of a JSON text: what stands outside of its strings, and how deep its brackets nest.

One pass in C for each step, whatever the text holds; that it is valid is for the parser to say.
"""

from array import array
from collections.abc import Iterable
from itertools import accumulate

Profile = bytes | list[int]

WHITESPACE = b" \t\r\n"
_LARGEST_BYTE = 255
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: 1 and -1


def split_at_quotes(text: bytes) -> list[bytes]:
    """Return what is outside of strings and what is inside, in turn, beginning outside.

    The lengths are those of the text without its quotes; an escaped backslash or quote inside a
    string is replaced by other bytes. An even number of parts: the text ends inside a string.
    """
    return text.replace(b"\\\\", b"__").replace(b'\\"', b"__").split(b'"')


def brackets(outside: bytes) -> bytes:
    """Return the brackets alone."""
    return outside.translate(None, _NO_BRACKETS)


def depths(only_brackets: bytes) -> Iterable[int]:
    """Return the depth before the first bracket, which is 0, and after each of them."""
    return accumulate(array("b", only_brackets.translate(_STEPS)), initial=0)


def is_deeper(text: bytes, limit: int) -> bool:
    """Whether the brackets of a text nest deeper than so many levels."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    only_brackets = brackets(b"".join(split_at_quotes(text)[::2]))
    return limit + 1 in depths(only_brackets)


def profile(only_brackets: bytes) -> Profile:
    """Return the depths, as bytes where they fit: these are searched many times as fast."""
    try:
        return bytes(depths(only_brackets))
    except ValueError:
        return list(depths(only_brackets))


def is_exceeded(depths: Profile, limit: int) -> bool:
    """Whether any depth is above the limit. Depths change by one: the next one is among them."""
    return limit + 1 in depths if isinstance(depths, list) or limit < _LARGEST_BYTE else False


def is_unbalanced(depths: Profile) -> bool:
    """Whether more brackets are closed than were open."""
    return isinstance(depths, list) and min(depths) < 0


def bracket_place(outside: bytes, number: int) -> int:
    """Return where the bracket of this number stands; the first one is number 0."""
    low, high = 0, len(outside)
    while high - low > 1:
        middle = (low + high) // 2
        before = len(brackets(outside[low:middle]))
        if before > number:
            high = middle
        else:
            low, number = middle, number - before
    return low


def open_brackets(profile: Profile, count: int) -> list[int]:
    """Return the numbers of those of the first `count` brackets that are still open, in order.

    `profile` are their depths, none of which is negative.
    """
    backwards = profile[count::-1]
    found, at = [], 0
    for level in range(profile[count] - 1, -1, -1):
        at = backwards.index(level, at)
        found.append(count - at)
    return found[::-1]
