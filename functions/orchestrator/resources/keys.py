"""The deployment's API keys in SSM.

    /lamplighter/<name>/api-key     the first key itself, a SecureString: its host's agent, its
                                    prober and its operator read it
    /lamplighter/<name>/keys/<id>   what the gateway knows of one key: the entries of its keys file
                                    with that id, a JSON list (salted hash, limits; never the key)
    /lamplighter/<name>/tls/        what its host wrote: certificate and ACME account; they go with
                                    the keys

The hashes need no SecureString: 256 random bits cannot be found from their hash. A key's value
never leaves SSM through a log, a return value or an execution history.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
from typing import TYPE_CHECKING, Any

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import Pending, ResourceConflict
from orchestrator.resources.creation import Change, missing, present, remember

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

FIRST = "default"
_ROLE, _HASHED = "api-key", "key"
_ALPHABET = string.ascii_letters + string.digits
_LETTERS = 43  # of 62: 256 bits
_SALT_BYTES = 16
_OURS = re.compile(rf"sk-{FIRST}-[A-Za-z0-9]{{{_LETTERS},}}")


def plan(clients: Clients, deployment: Deployment, _: Ledger) -> list[Change]:
    """Return a line for each key that provision makes, and for each that the operator made."""
    ours = list(_ours(clients, deployment.name))
    made = [naming.api_key_parameter(deployment.name), _first(deployment.name)]
    changes = [(present if name in ours else missing)("keys", _shown(name)) for name in made]
    return changes + [present("keys", _shown(name)) for name in ours if name not in made]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"parameter": the key's name}; an existing key and its salt stay as they are."""
    secret, hashed = naming.api_key_parameter(deployment.name), _first(deployment.name)
    if not _is_ours(clients, deployment.name, secret):
        key = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
        _put(clients, deployment, _ROLE, secret, "SecureString", f"sk-{FIRST}-{key}")
    if not _is_ours(clients, deployment.name, hashed):
        entries = json.dumps([entry(FIRST, _stored(clients, deployment.name))])
        _put(clients, deployment, _HASHED, hashed, "String", entries)
    remember(ledger, _ROLE, secret)
    return {"parameter": secret}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Delete the deployment's keys, also those that the operator made, and its certificate."""
    for name in list(_ours(clients, deployment.name)):
        with tolerating("ParameterNotFound"):
            clients.ssm.delete_parameter(Name=name)
    ledger.forget(_ROLE)


def read(clients: Clients, deployment: str) -> str:
    """Return the key itself; give it to nobody but the endpoint."""
    name = naming.api_key_parameter(deployment)
    return clients.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def entry(key_id: str, key: str) -> dict[str, Any]:
    """Return one entry of the gateway's keys file: sha256 is of the salt's bytes and the key.

    A key of another form than ours cannot tell its id, so it is marked foreign.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    limits = (
        *("not_before", "expires", "models"),
        *("requests_per_minute", "tokens_per_minute", "concurrency", "tokens_per_day"),
    )
    return {
        "id": key_id,
        "salt": salt.hex(),
        "sha256": hashlib.sha256(salt + key.encode()).hexdigest(),
        "priority": "standard",
        **dict.fromkeys(limits),
        **({} if _OURS.fullmatch(key) else {"foreign": True}),
    }


def _first(deployment: str) -> str:
    return f"{naming.keys_path(deployment)}/{FIRST}"


def _shown(name: str) -> str:
    return f"SSM {'SecureString' if name.endswith('/api-key') else 'parameter'} {name}"


def _put(
    clients: Clients, deployment: Deployment, role: str, name: str, kind: Any, value: str
) -> None:
    """Make the parameter; one that appeared meanwhile is as good."""
    with tolerating("ParameterAlreadyExists"):
        clients.ssm.put_parameter(
            Name=name,
            Description=f"API key of the Lamplighter deployment {deployment.name}",
            Type=kind,
            Value=value,
            Tags=naming.tags(deployment, role),  # type: ignore[arg-type]
        )


def _stored(clients: Clients, deployment: str) -> str:
    with tolerating("ParameterNotFound"):
        return read(clients, deployment)
    raise Pending("the API key was written a moment ago and cannot be read yet")


def _ours(clients: Clients, deployment: str) -> Iterator[str]:
    """Yield the names of the parameters that carry the deployment's tag."""
    wanted: list[Any] = [
        *(
            {"Key": "Path", "Option": "OneLevel", "Values": [path]}
            for path in (naming.keys_path(deployment), naming.tls_path(deployment))
        ),
        {
            "Key": "Name",
            "Option": "Equals",
            "Values": [naming.api_key_parameter(deployment)],
        },
    ]
    for one in wanted:
        pages = clients.ssm.get_paginator("describe_parameters").paginate(ParameterFilters=[one])
        for page in pages:
            names = [found["Name"] for found in page["Parameters"]]
            yield from (name for name in names if _owner(clients, name) == deployment)


def _is_ours(clients: Clients, deployment: str, name: str) -> bool:
    """Return whether the parameter is there; raise ResourceConflict when it is somebody else's."""
    found = clients.ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    if found and _owner(clients, name) != deployment:
        raise ResourceConflict(f"the SSM parameter {name!r} exists and is not ours: remove it")
    return bool(found)


def _owner(clients: Clients, name: str) -> str | None:
    """Return whose tag the parameter carries; None for no tag of ours, or one just deleted."""
    with tolerating("InvalidResourceId"):
        listed = clients.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
        return naming.owner(listed["TagList"])  # type: ignore[arg-type]
    return None
