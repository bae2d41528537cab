"""Which notices a deployment's budget asks for: at 80 % and at 100 %, each once a month."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.capacity.spending.accrued import Cost
from orchestrator.ledger.rows import DeploymentRow, Desired

SHARES = (80, 100)  # per cent


@dataclass(frozen=True, slots=True)
class Due:
    """A notice to send. percent: of the budget, the share that is reached; month: e.g. 2026-11.

    noticed: what the deployment's row keeps as `budget_noticed` once it is sent.
    """

    month: str
    percent: int
    spent_usd: float
    monthly_usd: float

    @property
    def is_all(self) -> bool:
        return self.percent == SHARES[-1]

    @property
    def noticed(self) -> str:
        return f"{self.month}/{self.percent}/{self.monthly_usd:g}"


def due(row: DeploymentRow, cost: Cost, month: str) -> list[Due]:
    """Return the notices due in this month, at most one: that at 100 % says more than the other.

    A budget that was changed begins anew. cost: of the same month.
    """
    monthly = monthly_usd(row)
    if monthly is None or row.desired == Desired.ABSENT or cost.month != month:
        return []
    reached = [each for each in SHARES if cost.month_usd >= monthly * each / 100]
    if not reached or reached[-1] <= _noticed(row, month, monthly):
        return []
    return [Due(month, reached[-1], cost.month_usd, monthly)]


def monthly_usd(row: DeploymentRow) -> float | None:
    """Return the budget of the stored specification; None where it has none that can be read."""
    section = row.specification().get("budget")
    found = section.get("monthly_usd") if isinstance(section, dict) else None
    return float(found) if isinstance(found, int | float) and found > 0 else None


def stops(row: DeploymentRow) -> bool:
    """Return whether the deployment is to be stopped once its budget is spent."""
    section = row.specification().get("budget")
    return isinstance(section, dict) and section.get("at_limit") == "stop"


def _noticed(row: DeploymentRow, month: str, monthly: float) -> int:
    """Return the highest share of this budget that a notice was sent about in this month."""
    marks = {Due(month, percent, 0, monthly).noticed: percent for percent in SHARES}
    return marks.get(row.budget_noticed or "", 0)
