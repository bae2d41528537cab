"""The ECR repository that holds the gateway's image."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from botocore.exceptions import ClientError

from orchestrator.aws import naming, policies
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation.deletion import deletion
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.ownership import conflict, has_lost_its_tags, lost, owns
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import wait_until_visible
from orchestrator.errors import Pending
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_ROLE = "registry"
_KEPT_IMAGES = 5
_IMMUTABLE: Literal["IMMUTABLE"] = "IMMUTABLE"
_SCANNED: Any = {"scanOnPush": True}
_LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"keep the last {_KEPT_IMAGES} images",
            "selection": {
                "tagStatus": "any",
                "countType": "imageCountMoreThan",
                "countNumber": _KEPT_IMAGES,
            },
            "action": {"type": "expire"},
        }
    ]
}
_PULL = ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]


@dataclass(frozen=True, slots=True)
class _Repository:
    uri: str
    tags: list[Any]
    mutability: str
    scans: bool


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    there = _ours(clients, ledger)
    return [
        planned(_ROLE, _shown(ledger), there=there is not None),
        *differing(_ROLE, _drifts(clients, ledger, there) if there else ()),
    ]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"uri": repository URI}.

    ResourceConflict when another installation or a foreign repository has the name; Pending while
    ECR does not show everywhere yet what was created a moment ago.
    """
    name = naming.repository(deployment.name)
    repository = _ours(clients, ledger) or _create(clients, deployment, ledger)
    row = ledger.resource(_ROLE)
    if row is None or row.state != "ready":
        ledger.ready(_ROLE, id=name, intended_at=ledger.time())
    with _visible(name):
        mend(ledger, _ROLE, _drifts(clients, ledger, repository))
    return {"uri": repository.uri}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete the repository with its images; one of the same name that is not ours stays.

    ResourceConflict when it was ours and has lost its tags.
    """
    name = naming.repository(ledger.name)
    found = _described(clients, name)
    if found is None:
        wait_until_visible(ledger, _ROLE)
    elif owns(ledger, found.tags, name):
        with deletion(lambda: _described(clients, name), "RepositoryNotFoundException"):
            clients.ecr.delete_repository(repositoryName=name, force=True)
    elif has_lost_its_tags(ledger, _ROLE, found.tags):
        raise lost(ledger, f"the ECR repository {name!r}")
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for the repository if it is there and ours, its tags lost or not."""
    name = naming.repository(ledger.name)
    found = _described(clients, name)
    if found is None:
        return []
    ours = owns(ledger, found.tags, name) or has_lost_its_tags(ledger, _ROLE, found.tags)
    return [_shown(ledger)] if ours else []


def must_be_free(clients: Clients, ledger: Ledger) -> None:
    """Raise ResourceConflict when the repository's name is taken."""
    _ours(clients, ledger)


def _drifts(clients: Clients, ledger: Ledger, there: _Repository) -> Iterator[Drift]:
    name = naming.repository(ledger.name)
    ecr: Any = clients.ecr
    what = f"{_shown(ledger)}:"
    if there.mutability != _IMMUTABLE:
        change = partial(
            ecr.put_image_tag_mutability, repositoryName=name, imageTagMutability=_IMMUTABLE
        )
        yield Drift(f"{what} tags are {there.mutability}", f"should be {_IMMUTABLE}", change)
    if not there.scans:
        change = partial(
            ecr.put_image_scanning_configuration,
            repositoryName=name,
            imageScanningConfiguration=_SCANNED,
        )
        yield Drift(f"{what} images are not scanned", "should be, on push", change)
    policy = _policy(clients)
    said = _document(lambda: ecr.get_repository_policy(repositoryName=name)["policyText"])
    if not policies.same(said, policy):
        change = partial(
            ecr.set_repository_policy, repositoryName=name, policyText=json.dumps(policy)
        )
        yield Drift(f"{what} another policy", "this account's roles may pull", change)
    if _document(lambda: _lifecycle_of(clients, name)) != _LIFECYCLE:
        change = partial(
            ecr.put_lifecycle_policy,
            repositoryName=name,
            lifecyclePolicyText=json.dumps(_LIFECYCLE),
        )
        yield Drift(f"{what} another lifecycle", f"keeps the last {_KEPT_IMAGES} images", change)


def _lifecycle_of(clients: Clients, name: str) -> str:
    return clients.ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]


def _document(read: Callable[[], str]) -> Any:
    """Return a policy as data, None where there is none."""
    with tolerating("LifecyclePolicyNotFoundException", "RepositoryPolicyNotFoundException"):
        return json.loads(read())
    return None


def _create(clients: Clients, deployment: Deployment, ledger: Ledger) -> _Repository:
    """Create it; one that is there already may be what our own resent call has created."""
    name = naming.repository(deployment.name)
    ledger.intend(_ROLE, id=name)
    with tolerating("RepositoryAlreadyExistsException"):
        made: Any = naming.tags(ledger.installation, deployment, _ROLE)
        created = clients.ecr.create_repository(
            repositoryName=name,
            imageTagMutability=_IMMUTABLE,
            imageScanningConfiguration=_SCANNED,
            encryptionConfiguration={"encryptionType": "AES256"},
            tags=made,
        )
        uri = created["repository"]["repositoryUri"]
        return _Repository(uri, made, _IMMUTABLE, scans=True)
    there = _ours(clients, ledger)
    if there is None:
        raise _unseen(name)
    return there


def _ours(clients: Clients, ledger: Ledger) -> _Repository | None:
    """Return our repository, None when there is none; raise ResourceConflict."""
    name = naming.repository(ledger.name)
    found = _described(clients, name)
    if found and not owns(ledger, found.tags, name):
        raise conflict(ledger, f"the ECR repository {name!r}", found.tags)
    return found


def _described(clients: Clients, name: str) -> _Repository | None:
    with tolerating("RepositoryNotFoundException"):
        for found in clients.ecr.describe_repositories(repositoryNames=[name])["repositories"]:
            listed = clients.ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])
            return _Repository(
                found["repositoryUri"],
                list(listed["tags"]),
                found.get("imageTagMutability", "MUTABLE"),
                found.get("imageScanningConfiguration", {}).get("scanOnPush", False),
            )
    return None


@contextmanager
def _visible(name: str) -> Iterator[None]:
    """Raise Pending where ECR does not know the repository yet, although it was created."""
    try:
        yield
    except ClientError as error:
        if code(error) != "RepositoryNotFoundException":
            raise
        raise _unseen(name) from error


def _unseen(name: str) -> Pending:
    return Pending(f"the ECR repository {name!r} was created a moment ago and is not visible yet")


def _shown(ledger: Ledger) -> str:
    return f"ECR repository {naming.repository(ledger.name)}"


def _policy(clients: Clients) -> dict[str, Any]:
    """Return who may pull: this account's instance roles (their own policy allows it, too)."""
    settings = clients.settings
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PullFromThisAccount",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{settings.partition}:iam::{settings.account}:root"},
                "Action": _PULL,
            }
        ],
    }
