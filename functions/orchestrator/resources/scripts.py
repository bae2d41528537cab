"""The instance's scripts and settings, rendered into the bucket under their content's hash, and the
settings that its gateway follows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial

from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import InvalidRequest, Pending
from orchestrator.launch import gateway_settings, rendering
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources import bucket, role
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import digest
from orchestrator.spec.parsing import parse

_ROLE = "scripts"


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    row = ledger.resource(_ROLE)
    changes = [planned(_ROLE, "instance scripts in S3", there=row is not None)]
    if row:
        changes += differing(_ROLE, _drifts(clients, ledger, row.facts["prefix"], _tags_of(row)))
        with suppress(InvalidRequest):  # an earlier version's: its hosts follow no settings
            serving = parse(ledger.deployment().specification())
            changes += differing(_ROLE, _settings_drifts(clients, ledger, serving))
    return changes


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, *, keep: bool = False
) -> dict[str, str]:
    """Return {"prefix": key prefix}; the ledger's row also holds the user_data that boots it.

    keep: scripts of an earlier version stay as long as they are complete, and not those of a
    change that was not made. The gateway's settings are always those of the specification: hosts
    follow them while they serve.
    """
    mend(ledger, _ROLE, _settings_drifts(clients, ledger, deployment))
    image, row = ledger.resource("image"), ledger.resource(_ROLE)
    if image is None or "uri" not in image.facts:
        raise Pending("the gateway image has no URI yet")
    uri, wanted = image.facts["uri"], digest(deployment.document())
    if keep and row and _fits(row, uri, wanted) and not _is_damaged(clients, ledger, row):
        return {"prefix": row.facts["prefix"]}
    host = rendering.render(clients.settings.payload, deployment, clients.settings, uri)
    files = {name: _etag(content) for name, content in host.files.items()}
    facts = {"prefix": host.prefix, "user_data": host.user_data, "image": uri}
    # Scripts of the previous version have no profile here: what they call, its role allows.
    facts["profile"] = role.name_of(clients, ledger)
    facts["spec_digest"] = wanted
    facts["files"] = json.dumps(files, sort_keys=True)
    mend(ledger, _ROLE, _drifts(clients, ledger, host.prefix, files, host))
    if row is None or any(row.facts.get(key) != value for key, value in facts.items()):
        ledger.ready(_ROLE, **facts, intended_at=ledger.time())
    return {"prefix": host.prefix}


def destroy(_: Clients, ledger: Ledger) -> None:
    """Forget them; the objects go with their bucket."""
    ledger.forget(_ROLE)


def found(_: Clients, __: Ledger) -> list[str]:
    """Return nothing of its own: what holds the objects is the bucket."""
    return []


def _fits(row: ResourceRow, image: str, spec_digest: str) -> bool:
    """Return whether a host of this specification may boot from it; None: an earlier version's."""
    fits = row.facts.get("spec_digest") in {None, spec_digest}
    return fits and row.facts.get("image") == image


def _tags_of(row: ResourceRow) -> dict[str, str]:
    """Return the ETag of every file that was uploaded; an earlier version wrote none down."""
    files: dict[str, str] = json.loads(row.facts.get("files", "{}"))
    return files


def _is_damaged(clients: Clients, ledger: Ledger, row: ResourceRow) -> bool:
    """Return whether a script is missing or was changed, as far as the row knows them."""
    files = _tags_of(row)
    return not files or any(_drifts(clients, ledger, row.facts["prefix"], files))


def _drifts(
    clients: Clients,
    ledger: Ledger,
    prefix: str,
    files: Mapping[str, str],
    host: rendering.HostFiles | None = None,
) -> Iterator[Drift]:
    """Yield what is missing or was changed, as one difference. files: name -> ETag.

    host: has the contents to upload; the plan, which mends nothing, has none.
    """
    there: dict[str, str] = {}
    with tolerating("NoSuchBucket"):
        there = _listed(clients, ledger.name, f"{prefix}/")
    wrong = [name for name in files if there.get(f"{prefix}/{name}") != files[name]]
    if wrong:
        yield Drift(
            f"missing or changed under {prefix}: {', '.join(sorted(wrong))}",
            "hosts verify and run exactly these",
            partial(_upload, clients, ledger.name, host, wrong),
        )


def _settings_drifts(clients: Clients, ledger: Ledger, deployment: Deployment) -> Iterator[Drift]:
    """Yield a difference for each document that is missing or was changed.

    The host that serves follows the one that it was launched with: an earlier version may have
    computed another digest of the same specification.
    """
    content, digests = gateway_settings.document(deployment), {digest(deployment.document())}
    serving, row = ledger.serving(), ledger.deployment()
    if serving and serving.spec_digest and not row.changes_by(ledger.owner):
        digests.add(serving.spec_digest)
    there: dict[str, str] = {}
    with tolerating("NoSuchBucket"):
        there = _listed(clients, deployment.name, f"{gateway_settings.FOLDER}/")
    for key in sorted(map(gateway_settings.key, digests)):
        if there.get(key) != _etag(content):
            yield Drift(
                f"missing or changed: {key}",
                "hosts follow these settings of their gateway",
                partial(_put, clients, deployment.name, key, content),
            )


def _listed(clients: Clients, name: str, prefix: str) -> dict[str, str]:
    """Return the ETag of each object whose key begins so."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name_of(clients, name),
        Prefix=prefix,
        ExpectedBucketOwner=clients.settings.account,
    )
    items = (item for page in pages for item in page.get("Contents", []))
    return {item["Key"]: item["ETag"].strip('"') for item in items}


def _put(clients: Clients, name: str, key: str, content: bytes) -> None:
    clients.s3.put_object(
        Bucket=bucket.name_of(clients, name),
        Key=key,
        Body=content,
        ExpectedBucketOwner=clients.settings.account,
    )


def _upload(
    clients: Clients, deployment: str, host: rendering.HostFiles | None, names: list[str]
) -> None:
    """Upload these files, the manifest last: it never names an absent file."""
    for name in sorted(names, key=lambda name: (name == rendering.MANIFEST, name)):
        if host:
            _put(clients, deployment, f"{host.prefix}/{name}", host.files[name])


def _etag(content: bytes) -> str:
    """Return S3's ETag of an object that came in one piece; it proves nothing, the host does.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
