"""How many prompts one request has: an engine works as long for each as for a request of its own.

A list of texts or of lists of token ids is one prompt each; a list of token ids is one prompt.
"""

import msgspec

_LISTS = {
    "text_completion": {"prompt"},
    "chat_batch": {"messages"},
    "embeddings": {"input"},
    "embed": {"texts", "images", "inputs"},
    "pooling": {"input"},
    "classify": {"input"},
    "score": {"text_1", "text_2", "data_1", "data_2", "queries", "items", "documents"},
    "rerank": {"documents"},
}
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class PromptCounter:
    """Feed a valid body, or each of the documents that a large one is cut into, in order."""

    def __init__(self, operation: str) -> None:
        self._names = _LISTS.get(operation, set())
        self.open = ""  # the field of the request that a next document goes on with
        self._counts: dict[str, int] = {}

    @property
    def count(self) -> int:
        return max(1, *self._counts.values(), 1) if self._counts else 1

    def feed(self, document: bytes) -> None:
        last = ""
        try:
            fields = _decode(document)
        except UnicodeDecodeError:  # a name so long that it was cut within a character
            self.open = ""
            return
        for name, value in fields.items():
            last = name or last
            field = name or self.open
            if field in self._names:
                before = self._counts.get(field, 0) if not name else 0
                self._counts[field] = before + _count(value, goes_on=before > 0)
        self.open = last or self.open


def counted(operation: str, body: bytes) -> int:
    """Return the prompts of a small body."""
    if operation not in _LISTS or b"[" not in body:
        return 1
    counter = PromptCounter(operation)
    counter.feed(body)
    return counter.count


def _count(value: msgspec.Raw, *, goes_on: bool) -> int:
    """`goes_on`: the first element was begun in the document before, or is a placeholder."""
    if not bytes(value).lstrip().startswith(b"["):
        return 0
    elements = _elements(value)
    kinds = [bytes(one)[:1] for one in (elements[1:] if goes_on else elements)]
    return sum(kind in {b'"', b"[", b"{"} for kind in kinds)
