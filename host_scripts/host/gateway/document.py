"""Check the document of the bucket, and make the gateway's own of it.

What its settings mean is for the gateway to judge: it takes a document whole or not at all.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = re.compile(r"fallback-[0-9]{1,2}")
_PARTS = {"settings", "fallbacks", "keys"}


class Damaged(Exception):
    """What is wrong with the document."""


@dataclass(frozen=True, slots=True)
class View:
    """What the gateway sees: its engine's origin, and the folder of its files."""

    engine: str = "http://vllm-0:8000"
    folder: Path = Path("/etc/gateway")


@dataclass(frozen=True, slots=True)
class Document:
    """settings: the gateway's; fallbacks: further backends; keys: file -> SSM parameter."""

    settings: dict[str, Any]
    fallbacks: list[dict[str, Any]]
    keys: dict[str, str]

    def text(self, view: View, held: set[str]) -> str:
        """Return the gateway's document. held: the files of keys that are there; a fallback whose
        key is missing would be refused by its provider, so it is left out.
        """
        fallbacks = [
            {**each, **({"api_key_file": str(view.folder / file)} if file else {})}
            for each in self.fallbacks
            for file in [each.get("api_key_file")]
            if file is None or file in held
        ]
        backends = [{"url": view.engine}, *fallbacks]
        return json.dumps({**self.settings, "backends": backends}, indent=1, sort_keys=True) + "\n"


def parse(content: bytes) -> Document:
    """Return what it says; raise Damaged."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Damaged("it is no JSON") from None
    if not isinstance(found, dict) or found.keys() != _PARTS:
        raise Damaged(f"it has not the parts {', '.join(sorted(_PARTS))}")
    settings, fallbacks, keys = found["settings"], found["fallbacks"], found["keys"]
    if not isinstance(settings, dict) or "backends" in settings:
        raise Damaged("its settings are no mapping, or name backends")
    if not isinstance(keys, dict) or not all(
        _FILE.fullmatch(file) and isinstance(name, str) for file, name in keys.items()
    ):
        raise Damaged("its keys are no files of fallbacks with the names of parameters")
    if not isinstance(fallbacks, list) or not all(
        isinstance(each, dict) and each.get("api_key_file") in {None, *keys} for each in fallbacks
    ):
        raise Damaged("a fallback is no mapping, or names a key that is not there")
    return Document(settings, fallbacks, keys)
