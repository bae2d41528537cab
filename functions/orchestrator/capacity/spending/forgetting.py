"""Deletes hosts' rows; what they have cost stays in the deployment's row, in the same write."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.capacity.spending import accrued
from orchestrator.ledger.rows import HostRow
from orchestrator.ledger.store import Ledger

_AT_ONCE = 50  # a transaction takes 100 actions


def forget(ledger: Ledger, hosts: Sequence[HostRow]) -> None:
    """Forget ended hosts, as the lock's owner; each one's cost is kept exactly once."""
    for begin in range(0, len(hosts), _AT_ONCE):
        some = hosts[begin : begin + _AT_ONCE]
        spent = accrued.remembered(ledger.deployment(), ledger.hosts(), some, ledger.now())
        ledger.forget_hosts([host.key for host in some], spent)
