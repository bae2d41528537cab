"""The gateway's container image, built by CodeBuild from this installation's own source.

The tag is the source's hash: the same source is never built twice, and never anything else runs.
A build gets exactly the version that we uploaded for it, whatever else lies in the bucket.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

from orchestrator.aws import naming
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import tolerating
from orchestrator.creation.once import intend
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import the
from orchestrator.errors import BuildFailed, Pending, Refused
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.resources import bucket
from orchestrator.spec.deployment import Deployment

_ROLE = "image"
_LEFT_OUT = {"__pycache__", ".pytest_cache", ".mypy_cache"}
_NO_VERSION = "null"  # what S3 names the only version of an object in an unversioned bucket
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16  # zip's default of 0600 would be unreadable to the gateway's user


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    row = ledger.resource(_ROLE)
    built = row.facts if row and "uri" in row.facts else None
    there = built is not None and _pushed(clients, deployment.name, built["tag"])
    return [planned("image", "gateway image, built by CodeBuild", there=there)]


def ensure(
    clients: Clients, deployment: Deployment, ledger: Ledger, *, keep: bool = False
) -> dict[str, str]:
    """Return {"uri": image URI with its tag}; Pending while CodeBuild works.

    keep: an image of an earlier source stays as long as it is there.
    """
    row = ledger.resource(_ROLE)
    if keep and row and "uri" in row.facts and _pushed(clients, ledger.name, row.facts["tag"]):
        return {"uri": row.facts["uri"]}
    source = archive(clients.settings.payload)
    tag = tag_of(source)
    uri = f"{_repository(clients, deployment, ledger)}:{tag}"
    if _pushed(clients, deployment.name, tag):
        if row is None or row.facts.get("uri") != uri:
            since = row.intended_at if row else None
            ledger.ready(_ROLE, uri=uri, tag=tag, intended_at=since or ledger.time())
        return {"uri": uri}
    if row is None or not _is_of(row, tag):
        row = intend(ledger, _ROLE, tag=tag)
    if "version" not in row.facts:
        row = _upload(clients, deployment, ledger, source, row)
    if "build" not in row.facts:
        row = _start(clients, deployment, ledger, row)
    _wait_for(clients, ledger, row)
    ledger.ready(_ROLE, uri=uri)
    return {"uri": uri}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Stop a build that still runs; the image goes with its repository."""
    row = ledger.resource(_ROLE)
    if row and "build" in row.facts and "uri" not in row.facts:
        with tolerating("ResourceNotFoundException", "InvalidInputException"):
            clients.codebuild.stop_build(id=row.facts["build"])
    ledger.forget(_ROLE)


def found(_: Clients, __: Ledger) -> list[str]:
    """Return nothing of its own: what holds the image is the registry."""
    return []


def tag_of(source: bytes) -> str:
    """Return the image's tag for an archive of its source: 64 bits of SHA-256, in hex."""
    return hashlib.sha256(source).hexdigest()[:16]


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


def _repository(clients: Clients, deployment: Deployment, ledger: Ledger) -> str:
    """Return the repository's URI as ECR has it: its host differs between AWS's partitions."""
    name = naming.repository(deployment.name)
    found = clients.ecr.describe_repositories(repositoryNames=[name])["repositories"]
    return the(found, ledger, "registry")["repositoryUri"]


def _upload(
    clients: Clients, deployment: Deployment, ledger: Ledger, source: bytes, row: ResourceRow
) -> ResourceRow:
    """Upload the source, whatever the bucket holds already, and write its version down.

    Before the build starts: a repeated StartBuild has to name the same version with its token.
    """
    where = bucket.name_of(clients, deployment.name)
    stored = clients.s3.put_object(
        Bucket=where, Key=_key(row), Body=source, ExpectedBucketOwner=clients.settings.account
    )
    version = stored.get("VersionId", _NO_VERSION)
    if version == _NO_VERSION:
        raise Refused(
            f"the bucket {where!r} keeps no versions, so a build could get another source than "
            "ours; enable versioning on it and start the workflow again"
        )
    ledger.ready(_ROLE, state="intent", version=version)
    return replace(row, facts={**row.facts, "version": version})


def _start(
    clients: Clients, deployment: Deployment, ledger: Ledger, row: ResourceRow
) -> ResourceRow:
    """Start the build of the version that was uploaded, and write its id down."""
    variables = {
        "REPOSITORY_NAME": naming.repository(deployment.name),
        "IMAGE_TAG": row.facts["tag"],
    }
    started = clients.codebuild.start_build(
        projectName=clients.settings.image_project,
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{bucket.name_of(clients, deployment.name)}/{_key(row)}",
        sourceVersion=row.facts["version"],
        environmentVariablesOverride=[
            {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()
        ],
        idempotencyToken=str(row.token),
    )
    build, now = started["build"]["id"], ledger.time()
    ledger.ready(_ROLE, state="intent", build=build, changed_at=now)
    return replace(row, facts={**row.facts, "build": build}, changed_at=now)


def _is_of(row: ResourceRow, tag: str) -> bool:
    """Return whether `row` is of a build of this source that is not over yet.

    Not of one that an earlier release of ours started, without naming a version.
    """
    is_unpinned = "build" in row.facts and "version" not in row.facts
    return row.facts.get("tag") == tag and "uri" not in row.facts and not is_unpinned


def _key(row: ResourceRow) -> str:
    return f"source/gateway-{row.facts['tag']}.zip"


def _wait_for(clients: Clients, ledger: Ledger, row: ResourceRow) -> None:
    """Raise Pending until the build succeeded, BuildFailed when it never will.

    A failed build is forgotten, so that the next workflow starts another one.
    """
    build = row.facts["build"]
    answer = clients.codebuild.batch_get_builds(ids=[build])["builds"]
    if not answer and ledger.is_young(row):
        raise Pending(f"build {build} was started a moment ago and is not visible yet")
    found = answer[0] if answer else None
    if found and found["buildStatus"] == "IN_PROGRESS":
        raise Pending(f"build {build} is in phase {found.get('currentPhase', 'SUBMITTED')}")
    if found and found["buildStatus"] == "SUCCEEDED":
        return
    ledger.forget(_ROLE)
    if found is None:
        raise BuildFailed(f"CodeBuild does not know the build {build} any more; start again")
    log = found.get("logs", {}).get("deepLink", "CodeBuild's console")
    raise BuildFailed(
        f"build {build} ended {found['buildStatus']}; read why in {log}, then start again"
    )


def _pushed(clients: Clients, deployment: str, tag: str) -> bool:
    with tolerating("ImageNotFoundException", "RepositoryNotFoundException"):
        found = clients.ecr.describe_images(
            repositoryName=naming.repository(deployment), imageIds=[{"imageTag": tag}]
        )
        return bool(found["imageDetails"])
    return False
