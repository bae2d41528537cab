"""What a provision would do."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan.

    action: create | keep; change: `ensure` mends it; report: the operator decides.
    """

    resource: str
    action: str
    what: str
    why: str

    def document(self) -> dict[str, str]:
        return asdict(self)


def planned(resource: str, what: str, *, there: bool) -> Change:
    if there:
        return Change(resource, "keep", what, "it is there already")
    return Change(resource, "create", what, "it is not there")
