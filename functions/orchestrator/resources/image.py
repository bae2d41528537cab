"""The gateway's container image, built by CodeBuild from this installation's own source.

The tag is the source's hash: the same source is never built twice, and never anything else runs.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import BuildFailed, Pending
from orchestrator.resources import bucket
from orchestrator.resources.creation import Change, intend, missing, present

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger, Row

_ROLE = "image"
_LEFT_OUT = {"__pycache__", ".pytest_cache", ".mypy_cache"}
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16  # zip's default of 0600 would be unreadable to the gateway's user


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    row = ledger.resource(_ROLE) or {}
    there = bool(row.get("uri")) and _pushed(clients, deployment.name, row["tag"])
    return [(present if there else missing)("image", "gateway image, built by CodeBuild")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"uri": image URI with its tag}; Pending while CodeBuild works."""
    source = archive(clients.settings.payload)
    tag = hashlib.sha256(source).hexdigest()[:16]
    [repository] = clients.ecr.describe_repositories(
        repositoryNames=[naming.repository(deployment.name)]
    )["repositories"]
    uri = f"{repository['repositoryUri']}:{tag}"
    row = ledger.resource(_ROLE)
    if _pushed(clients, deployment.name, tag):
        if not row or row.get("uri") != uri:
            ledger.ready(
                _ROLE, uri=uri, tag=tag, intended_at=(row or {}).get("intended_at", ledger.time())
            )
        return {"uri": uri}
    if row is None or row.get("tag") != tag or "uri" in row:
        row = intend(ledger, _ROLE, tag=tag)
    _wait_for(clients, _build(clients, deployment, ledger, source, row))
    ledger.ready(_ROLE, uri=uri)
    return {"uri": uri}


def destroy(clients: Clients, _: Deployment, ledger: Ledger) -> None:
    """Stop a build that still runs; the image goes with its repository."""
    row = ledger.resource(_ROLE) or {}
    if "build" in row and "uri" not in row:
        with tolerating("ResourceNotFoundException", "InvalidInputException"):
            clients.codebuild.stop_build(id=row["build"])
    ledger.forget(_ROLE)


def archive(folder: Path) -> bytes:
    """Return the folder as a zip whose bytes depend on names and contents only."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not _LEFT_OUT & set(name.parts):
                entry = zipfile.ZipInfo(name.as_posix(), _ZIP_EPOCH)
                entry.external_attr = _READABLE_FILE
                entry.compress_type = zipfile.ZIP_DEFLATED
                bundle.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _build(
    clients: Clients, deployment: Deployment, ledger: Ledger, source: bytes, row: Row
) -> str:
    """Return the id of the build of this source, started once."""
    if "build" in row:
        return str(row["build"])
    where = bucket.name_of(clients, deployment.name)
    key = f"source/gateway-{row['tag']}.zip"
    if "Contents" not in clients.s3.list_objects_v2(Bucket=where, Prefix=key):
        clients.s3.put_object(Bucket=where, Key=key, Body=source)
    variables = {"REPOSITORY_NAME": naming.repository(deployment.name), "IMAGE_TAG": row["tag"]}
    started = clients.codebuild.start_build(
        projectName=clients.settings.image_project,
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{where}/{key}",
        environmentVariablesOverride=[
            {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
        ],
        idempotencyToken=row["token"],
    )
    build = started["build"]["id"]
    ledger.ready(_ROLE, state="intent", build=build)
    return build


def _wait_for(clients: Clients, build: str) -> None:
    [found] = clients.codebuild.batch_get_builds(ids=[build])["builds"]
    status = found["buildStatus"]
    if status == "IN_PROGRESS":
        raise Pending(f"build {build} is in phase {found.get('currentPhase', 'SUBMITTED')}")
    if status != "SUCCEEDED":
        log = found.get("logs", {}).get("deepLink", "CodeBuild's console")
        raise BuildFailed(f"build {build} ended {status}; read why in {log}, then start again")


def _pushed(clients: Clients, deployment: str, tag: str) -> bool:
    with tolerating("ImageNotFoundException", "RepositoryNotFoundException"):
        found = clients.ecr.describe_images(
            repositoryName=naming.repository(deployment), imageIds=[{"imageTag": tag}]
        )
        return bool(found["imageDetails"])
    return False
