"""How much of a body is pictures, sound or files in base64, which are no text to be counted.

By structure: the value of a field that holds media, and nothing but base64. Text that mentions
base64 is text, and so is all that a prompt has of fields without media, such as tools.
"""

import re

import msgspec

ITEM_TOKENS = 256  # of one picture: small models take so many, large ones several times as many

_S = rb"\s{0,16}+"
_TEXT = rb'"[^"]{0,200}+"'
_URL = rb'"data:[^",]{0,200}+,'
_FIELD = rb'"(?:type|media_type|format|detail|filename)"' + _S + rb":" + _S + _TEXT + _S
_FIRST = rb"(?:" + _FIELD + rb",?" + _S + rb"){0,4}+"  # fields that may stand before the data
_OPENS = re.compile(
    rb'"(?:image|audio|video)_url"' + _S + rb":" + _S
    + rb"(?:\{" + _S + _FIRST + rb'"url"' + _S + rb":" + _S + rb")?+" + _URL
    + rb'|"(?:input_audio|source)"' + _S + rb":" + _S + rb"\{" + _S + _FIRST
    + rb'"data"' + _S + rb":" + _S + rb'"'
    + rb'|"file_data"' + _S + rb":" + _S + rb'"(?:data:[^",]{0,200}+,)?+'
)  # fmt: skip
_HINTS = (b'"data:', b'data"')  # the latter of "file_data" too
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=_\\-]|\\[^/]")
_LONGEST_OPENING = 1600  # bytes, of what the pattern can match

# Fields of the request whose values are part of the prompt, whatever they look like.
_TEXT_FIELDS = {"tools", "functions", "documents", "chat_template_kwargs"}
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class MediaMeter:
    """Feed a body piece by piece. `items` were found, with so many `bytes`.

    `text`: bytes of fields that hold text alone, once there are items.
    """

    __slots__ = ("_before", "_current", "_is_inside", "bytes", "items", "text")

    def __init__(self) -> None:
        self.bytes = self.items = self.text = 0
        self._before = b""
        self._is_inside = False
        self._current = 0  # bytes of the item that is being read

    def feed(self, piece: bytes) -> None:
        text, at = self._before + piece, 0
        while True:
            if self._is_inside:
                at = self._read(text, at)
                if self._is_inside:
                    self._before = b""
                    return
            found = _OPENS.search(text, at) if any(hint in text for hint in _HINTS) else None
            if found is None:
                break
            at = found.end()
            self._is_inside, self._current = True, 0
            self.items += 1
        self._before = text[max(at, len(text) - _LONGEST_OPENING) :]

    def add_text(self, document: bytes, within: str = "") -> None:
        """Count the text fields of a body, or of a part of one that goes on with a field."""
        if not self.items:
            return
        try:
            fields = _decode(document)
        except UnicodeDecodeError:  # a name so long that it was cut within a character
            return
        for name, value in fields.items():
            if (name or within) in _TEXT_FIELDS:
                self.text += len(bytes(value))

    def tokens(self, size: int, per_token: int) -> int:
        """Return about how many tokens a body of so many bytes has."""
        text = max(size - self.bytes, self.text)  # the items may lie in text fields
        return text // per_token + self.items * ITEM_TOKENS

    def _read(self, text: bytes, at: int) -> int:
        """Read the item's bytes; return where what follows begins. Other text is no item."""
        quote = text.find(b'"', at)
        end = len(text) if quote < 0 else quote
        if _NO_BASE64.search(text, at, end):
            self.bytes -= self._current
            self.items -= 1
            self._is_inside = False
            return at
        self.bytes += end - at
        self._current += end - at
        self._is_inside = quote < 0
        return end


def measured(body: bytes) -> MediaMeter:
    """Return what a small, valid body holds."""
    for hint in _HINTS:
        if hint in body:
            break
    else:
        return _NO_MEDIA
    meter = MediaMeter()
    meter.feed(body)
    meter.add_text(body)
    return meter


_NO_MEDIA = MediaMeter()
