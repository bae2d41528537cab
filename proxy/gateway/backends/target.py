"""Where a request may go: the backends that serve its model, kept up to date while it waits.

A `Group` stays the same object as long as its model is known: requests that wait in the queue
hold it, and see backends come and go.

A fallback is for the time in which no other backend is there, and takes no overflow: while another
one is up and merely full, requests wait.
"""

from collections.abc import Iterable

from gateway.backends.backend import Backend
from gateway.backends.balancing import Backends
from gateway.core.priority import CLASSES


class Group:
    """The backends of a model: `members`, and by priority those `available` now.

    `reserve`: fallbacks for the case that those available are ejected or have failed; by priority.
    """

    __slots__ = ("_own", "available", "members", "reserve")

    def __init__(self) -> None:
        self._own: Group | None = None
        self.fill(())

    def fill(self, members: Iterable[Backend]) -> None:
        self.members = tuple(members)
        by_priority = [
            _available([one for one in self.members if priority in one.priorities])
            for priority in range(len(CLASSES))
        ]
        self.available = tuple(available for available, _ in by_priority)
        self.reserve = tuple(reserve for _, reserve in by_priority)
        if self._own is not None:
            self._own.fill(one for one in self.members if not one.fallback)

    def own(self) -> "Group":
        """Return the group of those members that are no fallbacks, kept up to date as this one."""
        if self._own is None:
            self._own = Group()
            self._own.fill(one for one in self.members if not one.fallback)
        return self._own


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

    def own(self) -> "Target":
        """Return the same without fallbacks."""
        return Target(self.served, self.group.own(), edit=self.edit)


def _available(backends: list[Backend]) -> tuple[Backends, Backends]:
    """Return those that may be asked, and the fallbacks for the case that these fail.

    That is those that are up, else fallbacks that are, else those where a try costs nothing.
    """
    up = tuple(one for one in backends if one.up and not one.fallback)
    fallbacks = tuple(one for one in backends if one.up and one.fallback)
    if up:
        return up, fallbacks
    return fallbacks or tuple(one for one in backends if one.refuses and not one.fallback), ()
