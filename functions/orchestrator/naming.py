"""Names, tags and idempotency tokens: everything by which we find our own resources again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.deployment import Deployment

OWNER = "lamplighter:deployment"
ROLE = "lamplighter:role"
GENERATION = "lamplighter:generation"

Tags = list[dict[str, str]]


def tags(deployment: Deployment, role: str, extra: Iterable[tuple[str, str]] = ()) -> Tags:
    """Return the tags of one resource: owner, role, name, then the operator's own."""
    ours = {OWNER: deployment.name, ROLE: role, "Name": f"{deployment.name}-{role}"}
    return [
        {"Key": key, "Value": value}
        for key, value in {**dict(deployment.tags), **ours, **dict(extra)}.items()
    ]


def specification(
    deployment: Deployment, resource_type: str, role: str, extra: Iterable[tuple[str, str]] = ()
) -> Any:
    """Return EC2's TagSpecifications: the tags are part of the create call itself."""
    return [{"ResourceType": resource_type, "Tags": tags(deployment, role, extra)}]


def owned(name: str, role: str | None = None) -> list[Any]:
    """Return EC2 describe filters that match a deployment's resources (of one role)."""
    wanted = {OWNER: name} | ({ROLE: role} if role else {})
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]


def owner(found: Iterable[dict[str, str]]) -> str | None:
    """Return the deployment that a resource's tags name; None: not ours."""
    return {tag["Key"]: tag["Value"] for tag in found}.get(OWNER)


def token(name: str, generation: int, role: str, intended_at: str) -> str:
    """Return an AWS ClientToken (at most 64 characters).

    The same intent gives the same token, so a lost reply cannot create a second resource; a new
    intent gives a new one, so a resource deleted behind our back is not replayed from the dead.
    """
    text = f"{name}/{generation}/{role}/{intended_at}"
    return hashlib.sha256(text.encode()).hexdigest()[:48]


def bucket(name: str, account: str, region: str) -> str:
    """Return the scripts bucket's name; account and region keep it unique in the whole world."""
    return f"lamplighter-{name}-{account}-{region}"


def repository(name: str) -> str:
    return f"lamplighter/{name}/gateway"


def api_key_parameter(name: str) -> str:
    return f"/lamplighter/{name}/api-key"


def keys_path(name: str) -> str:
    """Return the SSM path under which every key has a parameter, named by its id."""
    return f"/lamplighter/{name}/keys"


def tls_path(name: str) -> str:
    """Return the SSM path under which the host keeps its ACME account and certificate."""
    return f"/lamplighter/{name}/tls"


def ownership_record(host: str) -> str:
    """Return the TXT record that marks an A record as ours (Route53 records carry no tags)."""
    return f"_lamplighter.{host}."
