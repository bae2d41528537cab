"""One module per AWS resource, and each is a `Resource`: four verbs of the same form."""

from __future__ import annotations

from typing import Any, Protocol

from orchestrator.aws.clients import Clients
from orchestrator.creation.plan import Change
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment


class Resource(Protocol):
    """What a module of this room offers. The ledger is that of one deployment.

    Removing needs no specification: an earlier version may have written one that this one refuses.
    """

    def plan(self, clients: Clients, wanted: Deployment, ledger: Ledger, /) -> list[Change]:
        """Return what `ensure` would do; no writes."""

    def ensure(self, clients: Clients, wanted: Deployment, ledger: Ledger, /) -> Any:
        """Return facts as JSON. Twice is once; refuses what is not ours; mends drift."""

    def destroy(self, clients: Clients, ledger: Ledger, /) -> None:
        """Remove it. Missing is done; never touches what is not ours."""

    def found(self, clients: Clients, ledger: Ledger, /) -> list[str]:
        """Return a line for each thing that exists and is ours: the inventory is their sum."""
