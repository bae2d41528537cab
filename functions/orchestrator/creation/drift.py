"""What is there and not as it should be: one comparison for the plan and for the step that mends.

A module yields its differences; `plan` names them, `ensure` mends them, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator.creation.plan import Change
from orchestrator.errors import ResourceConflict
from orchestrator.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. what: the thing as it is; why: what it should be, or what to do.

    mend: makes it right at AWS; None: it stays, and a person decides. blocks: nothing works while
    it stays, so `ensure` refuses.
    """

    what: str
    why: str
    mend: Callable[[], object] | None = field(default=None, repr=False)
    blocks: bool = False


def mend(ledger: Ledger, resource: str, drifts: Iterable[Drift]) -> None:
    """Mend what can be, in the order given; note it in the history of a deployment that has served.

    ResourceConflict: a difference that blocks.
    """
    for drift in drifts:
        settle(drift)
        _note(ledger, resource, drift)


def settle(drift: Drift) -> None:
    """Mend it without a note: what follows the host that serves changes with every host."""
    if drift.blocks:
        raise ResourceConflict(f"{drift.what}: {drift.why}")
    if drift.mend:
        drift.mend()


def differing(resource: str, drifts: Iterable[Drift]) -> list[Change]:
    """Return the plan's lines: `change` is mended by `ensure`, `report` is left to the operator."""
    return [
        Change(resource, "change" if drift.mend else "report", drift.what, drift.why)
        for drift in drifts
    ]


def _note(ledger: Ledger, resource: str, drift: Drift) -> None:
    """What a first provision sets up is no drift."""
    row = ledger.known_deployment()
    if row and row.served_at:
        done = "mended" if drift.mend else "left as it is"
        ledger.note("drift", f"{resource}: {drift.what}: {drift.why} ({done})")
