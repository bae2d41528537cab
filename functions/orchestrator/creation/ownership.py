"""Who owns a resource: this installation, or another one with a deployment of the same name?

Two tags name the owner: installation (the stack) and deployment. Bucket, repository, parameters and
DNS name are called after the deployment alone, so its name is unique per account and region: a
resource of another installation is a conflict for `ensure` and does not exist for `destroy`.

A resource of an earlier version carries no installation: it is ours if our ledger names its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.errors import ResourceConflict
from orchestrator.ledger.store import Ledger

# They keep their tags for an hour after their end, and are looked at by their state instead.
_LINGERING = {"instance", "natgateway"}
# AWS copies a volume's or an instance's tags to these when somebody makes a backup: it is theirs.
_BACKUPS = {"snapshot", "image"}


@dataclass(frozen=True, slots=True)
class Found:
    """Resources that carry our deployment's name. ours: sorted ids; others: id -> conflict."""

    ours: list[str]
    others: Mapping[str, ResourceConflict]

    def claimed(self) -> list[str]:
        """Return our ids; raise ResourceConflict when another installation has one, too."""
        for conflict in self.others.values():
            raise conflict
        return self.ours


def sort(ledger: Ledger, found: Iterable[tuple[str, Iterable[Any]]]) -> Found:
    """Return which of `found`, pairs of id and tags, belong to the ledger's deployment."""
    ours, others = [], {}
    for identifier, tags in found:
        if owns(ledger, tags, identifier):
            ours.append(identifier)
        else:
            others[identifier] = conflict(ledger, identifier, tags)
    return Found(sorted(ours), others)


def owns(ledger: Ledger, tags: Iterable[Any], identifier: str) -> bool:
    """Return whether the tags are this installation's and deployment's.

    identifier: the id by which our ledger would name it if it were of an earlier version.
    """
    installation, deployment = naming.owner(tags)
    if deployment != ledger.name:
        return False
    if installation is None:
        return identifier in _named(ledger)
    return installation == ledger.installation


def conflict(
    ledger: Ledger, what: str, tags: Iterable[Any], instead: str = "another name for the deployment"
) -> ResourceConflict:
    """Return the error that names the owner of `what` and the remedy; instead: what to choose."""
    installation, deployment = naming.owner(tags)
    if deployment is None:
        why = (
            f"exists and is not ours: remove it, or choose {instead}, or another installation is "
            "making it: look again in a minute"
        )
    elif installation is None:
        why = (
            f"is not ours: it carries the tag {naming.OWNER}={deployment} of an earlier version, "
            f"and the ledger of the installation {ledger.installation!r} does not name it; choose "
            f"{instead}, or remove it if no other installation uses it"
        )
    else:
        why = (
            f"is not ours: it belongs to the deployment {deployment!r} of the installation "
            f"{installation!r} in this account and region; choose {instead}, or run "
            f"`lamplighter --stack {installation} down {deployment}` first"
        )
    return ResourceConflict(f"{what} {why}")


def has_lost_its_tags(ledger: Ledger, role: str, tags: Iterable[Any]) -> bool:
    """Return whether `role` is ready in our ledger, while its tags name no deployment."""
    row = ledger.resource(role)
    installation, deployment = naming.owner(tags)
    if row is None or row.state != "ready":
        return False
    return deployment is None and installation in {None, ledger.installation}


def lost(ledger: Ledger, what: str) -> ResourceConflict:
    """Return the error about `what`, which our ledger names and whose tags were removed.

    It may also be another one of the same name, so only a person can decide.
    """
    return ResourceConflict(
        f"{what} is in the ledger and has lost its tags, so it was not touched: restore the tag "
        f"{naming.OWNER}={ledger.name} if it is this deployment's, or delete it; then start again"
    )


def tagged(
    clients: Clients, ledger: Ledger, *, only: str | None = None, but: Iterable[str] = ()
) -> Found:
    """Return what EC2 has with the deployment's tag, ours as "<type> <id>".

    only: one type; but: all except these. Instances, NAT gateways and backups never count.
    """
    one = {"resource-type": [only]} if only else {}
    kinds = {
        tag["ResourceId"]: tag["ResourceType"]
        for tag in _tags(clients, naming.OWNER, value=[ledger.name], **one)
        if tag["ResourceType"] not in {*_LINGERING, *_BACKUPS, *but}
    }
    installations: dict[str, Any] = {}
    if kinds:
        for tag in _tags(clients, naming.INSTALLATION, **{"resource-id": sorted(kinds)}):
            installations[tag["ResourceId"]] = tag
    owner = {"Key": naming.OWNER, "Value": ledger.name}
    found = sort(
        ledger, ((i, [owner, *([installations[i]] if i in installations else [])]) for i in kinds)
    )
    # No ledger names a volume: it belongs to the owner of its instance's network.
    others = {i: error for i, error in found.others.items() if kinds[i] != "volume"}
    return Found([f"{kinds[i]} {i}" for i in found.ours], others)


def _tags(clients: Clients, key: str, **filters: list[str]) -> Iterable[Any]:
    asked: Any = [{"Name": name, "Values": values} for name, values in filters.items()]
    pages = clients.ec2.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "key", "Values": [key]}, *asked]
    )
    return [tag for page in pages for tag in page["Tags"]]


def _named(ledger: Ledger) -> set[str]:
    """Return the ids in the ledger's resource rows."""
    return {row.id for row in ledger.resources() if row.id}
