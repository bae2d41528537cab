"""The instance's scripts and settings, rendered into the bucket under their content's hash."""

from __future__ import annotations

import hashlib

from orchestrator.aws.clients import Clients
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import Pending
from orchestrator.launch import rendering
from orchestrator.ledger.store import Ledger
from orchestrator.resources import bucket, role
from orchestrator.spec.deployment import Deployment

_ROLE = "scripts"


def plan(_: Clients, __: Deployment, ledger: Ledger) -> list[Change]:
    there = ledger.resource(_ROLE) is not None
    return [planned("scripts", "instance scripts in S3", there=there)]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"prefix": key prefix}; the ledger's row also holds the user_data that boots it."""
    image = ledger.resource("image")
    if image is None or "uri" not in image.facts:
        raise Pending("the gateway image has no URI yet")
    uri = image.facts["uri"]
    host = rendering.render(clients.settings.payload, deployment, clients.settings, uri)
    _upload(clients, bucket.name_of(clients, deployment.name), host)
    # Scripts of the previous version have no profile here: what they call, its role allows.
    profile = role.name_of(clients, ledger)
    kept = {"prefix": host.prefix, "user_data": host.user_data, "profile": profile}
    row = ledger.resource(_ROLE)
    if row is None or any(row.facts.get(key) != value for key, value in kept.items()):
        ledger.ready(_ROLE, **kept, intended_at=ledger.time())
    return {"prefix": host.prefix}


def destroy(_: Clients, ledger: Ledger) -> None:
    """Forget them; the objects go with their bucket."""
    ledger.forget(_ROLE)


def found(_: Clients, __: Ledger) -> list[str]:
    """Return nothing of its own: what holds the objects is the bucket."""
    return []


def _upload(clients: Clients, where: str, host: rendering.HostFiles) -> None:
    """Upload what is missing or was changed; the manifest last: it never names an absent file."""
    owner = clients.settings.account
    pages = clients.s3.get_paginator("list_objects_v2").paginate(
        Bucket=where, Prefix=f"{host.prefix}/", ExpectedBucketOwner=owner
    )
    there = {
        item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])
    }
    for name in sorted(host.files, key=lambda name: (name == rendering.MANIFEST, name)):
        key, content = f"{host.prefix}/{name}", host.files[name]
        if there.get(key) != _etag(content):
            clients.s3.put_object(Bucket=where, Key=key, Body=content, ExpectedBucketOwner=owner)


def _etag(content: bytes) -> str:
    """Return S3's ETag of an object that came in one piece; it proves nothing, the host does.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
