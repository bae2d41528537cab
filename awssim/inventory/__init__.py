"""Everything that is in the account, less what AWS itself puts there: the crash sweeps' oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awssim.inventory import compute, names, network, storage, watching
from awssim.inventory.item import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["KINDS", "Inventory", "Item", "by_kind", "read"]

KINDS = network.KINDS | compute.KINDS | storage.KINDS | names.KINDS | watching.KINDS


class Inventory(dict[str, list[str]]):
    """Kinds that have something, sorted. Asking for a kind that has nothing gives []."""

    def __missing__(self, kind: str) -> list[str]:
        if kind not in KINDS:
            raise KeyError(f"{kind}: the kinds are {', '.join(sorted(KINDS))}")
        return []


def read() -> Iterator[Item]:
    for part in (network, compute, storage, names, watching):
        yield from part.read()


def by_kind(items: Iterable[Item], value: Callable[[Item], str]) -> Inventory:
    listed = Inventory()
    for item in sorted(items, key=lambda item: (item.kind, value(item))):
        listed.setdefault(item.kind, []).append(value(item))
    return listed
