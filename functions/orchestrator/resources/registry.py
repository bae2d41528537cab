"""The ECR repository that holds the gateway's image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import ResourceConflict
from orchestrator.resources.creation import Change, missing, present, remember

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

_ROLE = "registry"
_KEPT_IMAGES = 5
_LIFECYCLE = json.dumps(
    {
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
)
_PULL = ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"]


def plan(clients: Clients, deployment: Deployment, _: Ledger) -> list[Change]:
    name = naming.repository(deployment.name)
    there = _owner(clients, name) == deployment.name
    return [(present if there else missing)("registry", f"ECR repository {name}")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"uri": repository URI}; ResourceConflict when the name is taken by another."""
    name = naming.repository(deployment.name)
    uri = _ours(clients, deployment.name) or _create(clients, deployment)
    remember(ledger, _ROLE, name)
    with tolerating("LifecyclePolicyNotFoundException"):
        if clients.ecr.get_lifecycle_policy(repositoryName=name):
            return {"uri": uri}
    clients.ecr.set_repository_policy(
        repositoryName=name, policyText=_policy(clients.settings.account)
    )
    clients.ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=_LIFECYCLE)
    return {"uri": uri}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Delete the repository with its images; a foreign one of the same name stays."""
    name = naming.repository(deployment.name)
    if _owner(clients, name) == deployment.name:
        with tolerating("RepositoryNotFoundException"):
            clients.ecr.delete_repository(repositoryName=name, force=True)
    ledger.forget(_ROLE)


def _create(clients: Clients, deployment: Deployment) -> str:
    created = clients.ecr.create_repository(
        repositoryName=naming.repository(deployment.name),
        imageTagMutability="IMMUTABLE",
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfiguration={"encryptionType": "AES256"},
        tags=naming.tags(deployment, _ROLE),  # type: ignore[arg-type]
    )
    return created["repository"]["repositoryUri"]


def _ours(clients: Clients, deployment: str) -> str | None:
    """Return our repository's URI, None when there is none."""
    name = naming.repository(deployment)
    with tolerating("RepositoryNotFoundException"):
        [found] = clients.ecr.describe_repositories(repositoryNames=[name])["repositories"]
        if _owner(clients, name) != deployment:
            raise ResourceConflict(f"the ECR repository {name!r} exists and is not ours: rename it")
        return found["repositoryUri"]
    return None


def _owner(clients: Clients, name: str) -> str | None:
    with tolerating("RepositoryNotFoundException"):
        [found] = clients.ecr.describe_repositories(repositoryNames=[name])["repositories"]
        listed = clients.ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        return naming.owner(listed)  # type: ignore[arg-type]
    return None


def _policy(account: str) -> str:
    """Return who may pull: this account's instance roles (their own policy allows it, too)."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "PullFromThisAccount",
                    "Effect": "Allow",
                    "Principal": {"AWS": account},
                    "Action": _PULL,
                }
            ],
        }
    )
