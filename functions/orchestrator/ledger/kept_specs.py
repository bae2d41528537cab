"""The last specifications that served: which are kept, and what each made different. No AWS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.ledger.rows import DeploymentRow, SpecRow
from orchestrator.spec.difference import differences

MOST = 10


def after(
    row: DeploymentRow, kept: Sequence[SpecRow], served: SpecRow
) -> tuple[list[SpecRow], list[SpecRow]]:
    """Return the rows to write and those to delete, now that `served` serves.

    row: the deployment's, as it was until now. kept: the newest last. One that serves again without
    a difference, after a repair for example, is not kept twice.
    """
    new: list[SpecRow] = []
    if not kept and row.served_at and row.spec != served.spec:  # an earlier version kept none
        new = [SpecRow(at=row.served_at, generation=row.generation, spec=row.spec)]
    before = [*kept, *new]
    if before and before[-1].spec == served.spec:
        return [], []
    changed = _changed(before[-1].spec, served.spec) if before else "[]"
    old = before[: max(0, len(before) + 1 - MOST)]
    return [*new, replace(served, changed=changed)], old


def before(kept: Sequence[SpecRow], generation: int) -> tuple[str | None, list[SpecRow]]:
    """Return the specification that a host of this generation served last, None where it was not
    kept, and the rows of those that followed. kept: the newest last.
    """
    own = [each for each in kept if each.generation <= generation]
    return (own[-1].spec, list(kept[len(own) :])) if own else (None, [])


def _changed(old: str, new: str) -> str:
    found = differences(json.loads(old), json.loads(new))
    return json.dumps([{"key": each.key, "old": each.old, "new": each.new} for each in found])
