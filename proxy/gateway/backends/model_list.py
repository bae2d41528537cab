"""The answer of /v1/models, split into its entries, which are kept byte for byte."""

from collections.abc import Iterable, Mapping

import msgspec

from gateway.backends.backend import Backend

Listing = dict[str, bytes]


class _Document(msgspec.Struct):
    data: list[msgspec.Raw]


class _Entry(msgspec.Struct):
    id: str


def parse(body: bytes) -> Listing:
    """Return each model's entry by its id. Raises ValueError for what is no list of models."""
    body.decode()  # msgspec does not look into the strings that it skips
    try:
        entries = msgspec.json.decode(body, type=_Document).data
        return {msgspec.json.decode(entry, type=_Entry).id: bytes(entry) for entry in entries}
    except RecursionError as error:
        raise ValueError("The list of models is nested too deeply.") from error


def renamed(entry: bytes, name: str) -> bytes:
    """Return a copy of an entry under another id; everything else stays as it was."""
    fields = msgspec.json.decode(entry, type=dict[str, msgspec.Raw])
    fields["id"] = msgspec.Raw(msgspec.json.encode(name))
    return msgspec.json.encode(fields)


def invented(name: str) -> bytes:
    """Return an entry for a model whose backend does not list it."""
    entry = {"id": name, "object": "model", "created": 0, "owned_by": "inference-gateway"}
    return msgspec.json.encode(entry)


def document(entries: Iterable[bytes]) -> bytes:
    return b'{"object":"list","data":[' + b",".join(entries) + b"]}"


def merged(backends: Iterable[Backend], aliases: Mapping[str, str]) -> Listing:
    """Return what those that are up serve: of two with the same model, the first one's entry.

    Those of fallbacks come last.
    """
    entries: Listing = {}
    for backend in sorted(backends, key=lambda one: one.fallback):
        if backend.up:
            entries |= {k: v for k, v in _served(backend).items() if k not in entries}
    for alias, served in aliases.items():
        entries.pop(alias, None)
        if served in entries:
            entries[alias] = renamed(entries[served], alias)
    return entries


def _served(backend: Backend) -> Listing:
    names, listing = backend.names, backend.listing
    served = {k: v for k, v in listing.items() if k in backend.models and k not in names}
    for name in sorted(backend.models - set(served)):
        entry = listing.get(names.get(name, name))
        served[name] = invented(name) if entry is None else renamed(entry, name)
    return served
