"""Where a request may go: the backends that serve its model, kept up to date while it waits.

A `Group` stays the same object as long as its model is known: requests that wait in the queue
hold it, and see backends come and go.
"""

from collections.abc import Iterable

from gateway.backends.backend import Backend
from gateway.backends.balancing import Backends
from gateway.core.priority import CLASSES


class Group:
    """The backends of a model: `members`, and by priority those `available` now."""

    __slots__ = ("available", "members")

    def __init__(self) -> None:
        self.fill(())

    def fill(self, members: Iterable[Backend]) -> None:
        self.members = tuple(members)
        self.available = tuple(
            _available([one for one in self.members if priority in one.priorities])
            for priority in range(len(CLASSES))
        )


class Target:
    """`served` is the model's name at the backend; `edit`: the client used another one."""

    __slots__ = ("edit", "group", "served")

    def __init__(self, served: str | None, group: Group, *, edit: bool = False) -> None:
        self.served = served
        self.group = group
        self.edit = edit

    @property
    def backends(self) -> Backends:
        return self.group.members


def _available(backends: list[Backend]) -> Backends:
    """Return those that are up; if none is, those where another try costs nothing."""
    up = tuple(one for one in backends if one.up)
    return up or tuple(one for one in backends if one.refuses)
