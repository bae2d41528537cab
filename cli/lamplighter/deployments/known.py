"""The deployment that a command names, or the sentence that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamplighter.aws import ledger
from lamplighter.aws.ledger import Deployment
from lamplighter.errors import UnknownDeployment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def known(table: Table, name: str) -> Deployment:
    """Return the deployment, with its name alone when only pieces of it were recorded.

    Raises UnknownDeployment, listing the names that there are.
    """
    found = ledger.deployment(table, name) if name else None
    if found is None:
        names = ledger.names(table)
        if name not in names:
            raise UnknownDeployment.named(name, names)
    return found or ledger.Deployment(name)


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
