"""The deployment's first API key: an SSM SecureString that only its host, its prober and its
operator read. The value never leaves SSM through a log, a return value or an execution history.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import ResourceConflict
from orchestrator.resources.creation import Change, missing, present, remember

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

_ROLE = "api-key"
_KEY_BYTES = 32


def plan(clients: Clients, deployment: Deployment, _: Ledger) -> list[Change]:
    name = naming.api_key_parameter(deployment.name)
    there = _owner(clients, name) == deployment.name
    return [(present if there else missing)("keys", f"SSM SecureString {name}")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"parameter": its name}; an existing key stays as it is."""
    name = naming.api_key_parameter(deployment.name)
    owner = _owner(clients, name)
    if owner is None:
        with tolerating("ParameterAlreadyExists"):
            clients.ssm.put_parameter(
                Name=name,
                Description=f"API key of the Lamplighter deployment {deployment.name}",
                Type="SecureString",
                Value=f"sk-{secrets.token_urlsafe(_KEY_BYTES)}",
                Tags=naming.tags(deployment, _ROLE),  # type: ignore[arg-type]
            )
    elif owner != deployment.name:
        raise ResourceConflict(f"the SSM parameter {name!r} exists and is not ours: remove it")
    remember(ledger, _ROLE, name)
    return {"parameter": name}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    name = naming.api_key_parameter(deployment.name)
    if _owner(clients, name) == deployment.name:
        with tolerating("ParameterNotFound"):
            clients.ssm.delete_parameter(Name=name)
    ledger.forget(_ROLE)


def read(clients: Clients, deployment: str) -> str:
    """Return the key itself; give it to nobody but the endpoint."""
    name = naming.api_key_parameter(deployment)
    return clients.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def _owner(clients: Clients, name: str) -> str | None:
    """Return who owns the parameter: None when there is none, '' when it carries no tag of ours."""
    found = clients.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    if not found:
        return None
    listed = clients.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
    return naming.owner(listed["TagList"]) or ""  # type: ignore[arg-type]
