"""Where a request may go: the backends that serve its model, kept up to date while it waits.

A `Group` stays the same object as long as anybody knows its model: requests that wait in the queue
hold it, and see backends come and go.
"""

from collections.abc import Iterable

from gateway.backends.backend import Backend
from gateway.backends.balancing import Backends
from gateway.core.priority import CLASSES


class Group:
    """Whoever serves a model: `everyone`, and by priority those who may be asked now."""

    __slots__ = ("askable", "everyone")

    def __init__(self) -> None:
        self.fill(())

    def fill(self, everyone: Iterable[Backend]) -> None:
        self.everyone = tuple(everyone)
        self.askable = tuple(
            _askable([one for one in self.everyone if priority in one.priorities])
            for priority in range(len(CLASSES))
        )


class Target:
    """`served` is what the backend is to be told, `edit` that the client said something else."""

    __slots__ = ("edit", "group", "served")

    def __init__(self, served: str | None, group: Group, *, edit: bool = False) -> None:
        self.served = served
        self.group = group
        self.edit = edit

    @property
    def backends(self) -> Backends:
        return self.group.everyone


def _askable(backends: list[Backend]) -> Backends:
    """Return those that are up; if none is, those where another try costs nothing."""
    up = tuple(one for one in backends if one.up)
    return up or tuple(one for one in backends if one.refuses)
