"""The deployment that a command names, or the sentence that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamplighter.aws import ledger
from lamplighter.aws.rows import Deployment, Records, Unreadable
from lamplighter.errors import UnknownDeployment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_SHOWN_ROWS = 3


def known(table: Table, name: str) -> Deployment:
    """Return the deployment, with its name alone when only pieces of it were recorded.

    Raises UnknownDeployment, listing the names that there are.
    """
    found = ledger.deployment(table, name) if name else None
    if found is None:
        names = ledger.names(table)
        if name not in names:
            raise UnknownDeployment.named(name, names)
    return found or Deployment(name)


def recorded(table: Table, name: str) -> Records:
    """Return all that is recorded of the deployment; raises as `known` does."""
    found = ledger.records(table, name) if name else None
    if found is None:
        raise UnknownDeployment.named(name, ledger.names(table))
    return found


def present(table: Table, name: str) -> Deployment:
    """Return as `known` does; a deployment that was torn down is UnknownDeployment too."""
    found = known(table, name)
    if found.status == "absent":
        raise torn_down(name)
    return found


def torn_down(name: str) -> UnknownDeployment:
    return UnknownDeployment(
        f"{name} is torn down: `lamplighter up` with its specification makes it again"
    )


def unread(unreadable: Sequence[Unreadable]) -> str:
    """Return a sentence that names what could not be read of a deployment, the first few."""
    shown = [f"{one.row} ({one.why})" for one in unreadable[:_SHOWN_ROWS]]
    more = len(unreadable) - len(shown)
    named = ", ".join([*shown, *([f"{more} more"] if more else [])])
    return (
        f"{unreadable[0].name}: not everything can be shown, as rows of the ledger are not in the "
        f"form that this lamplighter reads: {named}; a newer one may read them"
    )
