"""One thing in the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Item:
    """`id` tells it from its neighbours; `looks` says the same for its twin in another account."""

    kind: str
    id: str
    looks: str


def tags_of(document: Mapping[str, Any], key: str = "Tags") -> str:
    """`Name=x role=y`, in the order of the keys."""
    tags = {tag["Key"]: tag["Value"] for tag in document.get(key, [])}
    return " ".join(f"{name}={tags[name]}" for name in sorted(tags))
