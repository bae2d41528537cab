"""The private bucket that holds an instance's scripts and the gateway's source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator import naming
from orchestrator.aws_errors import tolerating
from orchestrator.errors import ResourceConflict
from orchestrator.resources.creation import Change, missing, present

if TYPE_CHECKING:
    from orchestrator.clients import Clients
    from orchestrator.deployment import Deployment
    from orchestrator.ledger import Ledger

_ROLE = "bucket"
_CLASSIC_REGION = "us-east-1"
_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_LIFECYCLE: Any = {
    "Rules": [
        {
            "ID": "forget-old-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}


def name_of(clients: Clients, deployment: str) -> str:
    return naming.bucket(deployment, clients.settings.account, clients.settings.region)


def plan(clients: Clients, deployment: Deployment, _: Ledger) -> list[Change]:
    name = name_of(clients, deployment.name)
    there = _owner(clients, name) == deployment.name
    return [(present if there else missing)("bucket", f"S3 bucket {name}")]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"bucket": name}: private, TLS only, versioned, encrypted, tagged as ours."""
    name = name_of(clients, deployment.name)
    row = ledger.resource(_ROLE)
    there = _exists(clients, name)
    if there and _owner(clients, name) not in _acceptable(deployment.name, intended=bool(row)):
        raise ResourceConflict(
            f"the bucket {name!r} exists and is not ours: remove its owner's tag"
        )
    if there and row and row["state"] == "ready":
        return {"bucket": name}
    if not there:
        ledger.intend(_ROLE)
        _create(clients, name)
    _configure(clients, deployment, name)
    ledger.ready(_ROLE, id=name)
    return {"bucket": name}


def destroy(clients: Clients, deployment: Deployment, ledger: Ledger) -> None:
    """Empty and delete the bucket, versions and markers included."""
    name = name_of(clients, deployment.name)
    intended = ledger.resource(_ROLE) is not None
    if _exists(clients, name) and _owner(clients, name) in _acceptable(
        deployment.name, intended=intended
    ):
        with tolerating("NoSuchBucket"):
            _empty(clients, name)
            clients.s3.delete_bucket(Bucket=name)
    ledger.forget(_ROLE)


def _acceptable(deployment: str, *, intended: bool) -> set[str | None]:
    """A bucket of ours may lack its tag when we died right after creating it."""
    return {deployment, None} if intended else {deployment}


def _create(clients: Clients, name: str) -> None:
    region = clients.settings.region
    where: Any = (
        {}
        if region == _CLASSIC_REGION
        else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )
    with tolerating("BucketAlreadyOwnedByYou"):
        clients.s3.create_bucket(Bucket=name, **where)


def _configure(clients: Clients, deployment: Deployment, name: str) -> None:
    s3 = clients.s3
    s3.put_bucket_tagging(
        Bucket=name,
        Tagging={"TagSet": naming.tags(deployment, _ROLE)},  # type: ignore[typeddict-item]
    )
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_CLOSED)  # type: ignore[arg-type]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=_LIFECYCLE)
    s3.put_bucket_policy(Bucket=name, Policy=_tls_only(f"arn:{s3.meta.partition}:s3:::{name}"))


def _tls_only(arn: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    )


def _exists(clients: Clients, name: str) -> bool:
    with tolerating("404", "NoSuchBucket", "NotFound"):
        clients.s3.head_bucket(Bucket=name)
        return True
    return False


def _owner(clients: Clients, name: str) -> str | None:
    with tolerating("NoSuchTagSet", "NoSuchBucket"):
        return naming.owner(clients.s3.get_bucket_tagging(Bucket=name)["TagSet"])  # type: ignore[arg-type]
    return None


def _empty(clients: Clients, name: str) -> None:
    for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=name):
        doomed: list[Any] = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if doomed:
            clients.s3.delete_objects(Bucket=name, Delete={"Objects": doomed, "Quiet": True})
