"""The deployment's API keys in SSM.

    /lamplighter/<name>/api-key     the first key itself, a SecureString: its host's agent, its
                                    prober and its operator read it
    /lamplighter/<name>/keys/<id>   what the gateway knows of one key: the entries of its keys file
                                    with that id, a JSON list (salted hash, limits; never the key)
    /lamplighter/<name>/hosts/<id>  an order to a host (hosts/draining.py); it goes with the keys at
                                    the latest
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
from collections.abc import Iterator
from functools import partial
from typing import Any

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.deletion import deletion
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.ownership import conflict, has_lost_its_tags, lost, owns
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import wait_until_visible
from orchestrator.errors import Pending
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

FIRST = "default"
_ROLE, _HASHED = "api-key", "key"
_ALPHABET = string.ascii_letters + string.digits
_LETTERS = 43  # of 62: 256 bits
_SALT_BYTES = 16
_OURS = re.compile(rf"sk-{FIRST}-[A-Za-z0-9]{{{_LETTERS},}}")


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    """Return a line for each key that provision makes, and for each that the operator made."""
    ours, made = list(_ours(clients, ledger)), _made(ledger.name)
    changes = [planned("keys", _shown(name), there=name in ours) for name in made]
    changes += [planned("keys", _shown(name), there=True) for name in ours if name not in made]
    return changes + differing("keys", _drifts(clients, ledger))


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"parameter": the key's name}; an existing key and its salt stay as they are."""
    secret, hashed = _made(deployment.name)
    there = {name for name in (secret, hashed) if _is_ours(clients, ledger, name)}
    row = ledger.resource(_ROLE) or ledger.intend(_ROLE, id=secret)
    if secret not in there:
        key = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
        _put(clients, deployment, ledger, _ROLE, secret, "SecureString", f"sk-{FIRST}-{key}")
    if hashed not in there:
        entries = json.dumps([entry(FIRST, _stored(clients, deployment.name))])
        _put(clients, deployment, ledger, _HASHED, hashed, "String", entries)
    mend(ledger, "keys", _drifts(clients, ledger))
    if row.state != "ready":
        ledger.ready(_ROLE, id=secret)
    return {"parameter": secret}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete the deployment's keys, also those that the operator made, its certificate and orders.

    ResourceConflict when one was ours and has lost its tags; the others are deleted nevertheless.
    """
    ours = list(_ours(clients, ledger))
    for name in ours:
        with deletion(partial(tags_of, clients, name), "ParameterNotFound"):
            clients.ssm.delete_parameter(Name=name)
    if unclear := _without_tags(clients, ledger):
        raise lost(ledger, f"the SSM parameter {', '.join(unclear)}")
    if not set(_made(ledger.name)) <= set(ours):
        wait_until_visible(ledger, _ROLE)
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for every parameter that is there and ours, its tags lost or not."""
    return [_shown(n) for n in (*_ours(clients, ledger), *_without_tags(clients, ledger))]


def must_be_free(clients: Clients, ledger: Ledger) -> None:
    """Raise ResourceConflict when the name of a parameter that we make is taken."""
    for name in _made(ledger.name):
        _is_ours(clients, ledger, name)


def read(clients: Clients, deployment: str) -> str:
    """Return the key itself; send it to the endpoint only."""
    name = naming.api_key_parameter(deployment)
    return clients.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def entry(key_id: str, key: str) -> dict[str, Any]:
    """Return one entry of the gateway's keys file: sha256 is of the salt's bytes and the key.

    A key of another form than ours does not contain its id, so it is marked foreign.
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


def _drifts(clients: Clients, ledger: Ledger) -> Iterator[Drift]:
    """Yield parameters of another type or tier: SSM changes neither back without a new parameter,
    and with it the key would be another one.
    """
    secret, hashed = _made(ledger.name)
    types = {secret: "SecureString", hashed: "String"}
    names: Any = [{"Key": "Name", "Option": "Equals", "Values": list(types)}]
    for there in clients.ssm.describe_parameters(ParameterFilters=names)["Parameters"]:
        name, kind, tier = there["Name"], there["Type"], there.get("Tier", "Standard")
        if kind != types[name]:
            why = f"should be a {types[name]}: delete it and run `lamplighter up` for a new key"
            yield Drift(f"SSM parameter {name} is a {kind}", why)
        if tier != "Standard":
            why = "billed by the month; SSM does not go back to Standard"
            yield Drift(f"SSM parameter {name} is of the tier {tier}", why)


def _made(deployment: str) -> tuple[str, str]:
    """Return the parameters that provision makes: the first key itself, and its hash."""
    return naming.api_key_parameter(deployment), f"{naming.keys_path(deployment)}/{FIRST}"


def _shown(name: str) -> str:
    return f"SSM {'SecureString' if name.endswith('/api-key') else 'parameter'} {name}"


def _put(
    clients: Clients,
    deployment: Deployment,
    ledger: Ledger,
    role: str,
    name: str,
    kind: Any,
    value: str,
) -> None:
    """Make the parameter; one that appeared meanwhile is as good, if it is ours."""
    with tolerating("ParameterAlreadyExists"):
        clients.ssm.put_parameter(
            Name=name,
            Description=f"API key of the Lamplighter deployment {deployment.name}",
            Type=kind,
            Value=value,
            Tags=naming.tags(ledger.installation, deployment, role),  # type: ignore[arg-type]
        )
        return
    if not _is_ours(clients, ledger, name):
        raise Pending(f"the SSM parameter {name!r} was created a moment ago, not visible yet")


def _stored(clients: Clients, deployment: str) -> str:
    with tolerating("ParameterNotFound"):
        return read(clients, deployment)
    raise Pending("the API key was written a moment ago and cannot be read yet")


def _ours(clients: Clients, ledger: Ledger) -> Iterator[str]:
    """Yield the names of the deployment's parameters that are there and ours."""
    deployment = ledger.name
    sought: list[Any] = [
        *(
            {"Key": "Path", "Option": "OneLevel", "Values": [path]}
            for path in (
                naming.keys_path(deployment),
                naming.tls_path(deployment),
                naming.orders_path(deployment),
            )
        ),
        {"Key": "Name", "Option": "Equals", "Values": [naming.api_key_parameter(deployment)]},
    ]
    for one in sought:
        pages = clients.ssm.get_paginator("describe_parameters").paginate(ParameterFilters=[one])
        for page in pages:
            names = [found["Name"] for found in page["Parameters"]]
            yield from (name for name in names if _owns(ledger, tags_of(clients, name)))


def _without_tags(clients: Clients, ledger: Ledger) -> list[str]:
    """Return those that provision made and whose tags were removed."""
    tags = {name: tags_of(clients, name) for name in _made(ledger.name)}
    return [n for n, t in tags.items() if t is not None and has_lost_its_tags(ledger, _ROLE, t)]


def _is_ours(clients: Clients, ledger: Ledger, name: str) -> bool:
    """Return whether the parameter is there; raise ResourceConflict when it is not ours."""
    tags = tags_of(clients, name)
    if tags is not None and not _owns(ledger, tags):
        raise conflict(ledger, f"the SSM parameter {name!r}", tags)
    return tags is not None


def _owns(ledger: Ledger, tags: list[Any] | None) -> bool:
    """Return whether tags are ours; the ledger names all of a deployment's keys by the first."""
    return owns(ledger, tags or [], naming.api_key_parameter(ledger.name))


def tags_of(clients: Clients, name: str) -> list[Any] | None:
    """Return the parameter's tags; None when it is not there (any more)."""
    with tolerating("InvalidResourceId"):
        listed = clients.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
        return list(listed["TagList"])
    return None
