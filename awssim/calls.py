"""What the code under test asked AWS for, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_READS = (
    "BatchCheck",
    "BatchGet",
    "Describe",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Select",
    "Simulate",
    "Test",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One counted API call; `number` starts at 1 in each account."""

    number: int
    service: str
    operation: str
    parameters: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.number} {self.service}.{self.operation}"

    def changes_the_account(self) -> bool:
        """True unless the call only reads, is a dry run, or writes to the ledger (DynamoDB).

        Known are the verbs that read, so that an unknown verb counts as a change.
        """
        return self.service != "dynamodb" and self.writes()

    def writes(self) -> bool:
        """As `changes_the_account`, with the ledger."""
        return not self.parameters.get("DryRun") and not self.operation.startswith(_READS)
