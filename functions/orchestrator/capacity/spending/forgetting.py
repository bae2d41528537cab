"""Deletes hosts' rows; what they have cost stays in the deployment's row, in the same write."""

from __future__ import annotations

from orchestrator.capacity.spending import accrued
from orchestrator.ledger.store import Ledger

_AT_ONCE = 50  # a transaction takes 100 actions


def forget(ledger: Ledger, *generations: int) -> None:
    """Forget ended hosts, as the lock's owner; what each one has cost is kept exactly once."""
    for begin in range(0, len(generations), _AT_ONCE):
        every = ledger.hosts()
        some = [host for host in every if host.generation in generations[begin : begin + _AT_ONCE]]
        spent = accrued.remembered(ledger.deployment(), every, some, ledger.now())
        ledger.forget_hosts([host.key for host in some], spent)
