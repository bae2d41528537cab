"""The private bucket that holds an instance's scripts and the gateway's source.

Its name can be guessed and taken by another account: every call names the account that the bucket
must belong to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import naming
from orchestrator.aws.bucket_settings import settings
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code, tolerating
from orchestrator.creation.drift import Drift, differing, mend
from orchestrator.creation.ownership import conflict, has_lost_its_tags, lost, owns
from orchestrator.creation.plan import Change, planned
from orchestrator.creation.visibility import wait_until_visible
from orchestrator.errors import Pending, Refused, ResourceConflict
from orchestrator.ledger.store import Ledger
from orchestrator.spec.deployment import Deployment

_ROLE = "bucket"
_CLASSIC_REGION = "us-east-1"
_ABSENT = {"NoSuchBucket", "NotFound", "404"}
_DENIED = {"AccessDenied", "Forbidden", "403"}


def name_of(clients: Clients, deployment: str) -> str:
    return naming.bucket(deployment, clients.settings.account, clients.settings.region)


def plan(clients: Clients, _: Deployment, ledger: Ledger) -> list[Change]:
    there = _ours(clients, ledger)
    return [
        planned(_ROLE, _shown(clients, ledger), there=there),
        *differing(_ROLE, _drifts(clients, name_of(clients, ledger.name)) if there else ()),
    ]


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str]:
    """Return {"bucket": name}: private, TLS only, versioned, encrypted, tagged as ours.

    ResourceConflict when the name is taken: by another account or installation, or by hand.
    """
    name = name_of(clients, deployment.name)
    there = _ours(clients, ledger)
    row = ledger.resource(_ROLE)
    if not (there and row):
        row = ledger.intend(_ROLE, id=name)
    if not there:
        _create(clients, ledger, name)
    if row.state != "ready":
        tags: Any = naming.tags(clients.settings.installation, deployment, _ROLE)
        clients.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags}, **_owner(clients))
    mend(ledger, _ROLE, _drifts(clients, name))
    if row.state != "ready":
        ledger.ready(_ROLE, id=name)
    return {"bucket": name}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Empty and delete the bucket, versions and markers included; one that is not ours stays.

    ResourceConflict when we may not look at it, or when it was ours and has lost its tags.
    """
    name = name_of(clients, ledger.name)
    try:
        there = _ours(clients, ledger)
    except ResourceConflict:
        if _is_unclear(clients, ledger, name):
            raise
        ledger.forget(_ROLE)
        return
    if there:
        _empty(clients, name)
        with tolerating("NoSuchBucket"):
            clients.s3.delete_bucket(Bucket=name, **_owner(clients))
    else:
        wait_until_visible(ledger, _ROLE)
    ledger.forget(_ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for the bucket if it is there and ours."""
    try:
        there = _ours(clients, ledger)
    except ResourceConflict:
        return []
    return [_shown(clients, ledger)] if there else []


def must_be_free(clients: Clients, ledger: Ledger) -> None:
    """Raise ResourceConflict when the bucket's name is taken."""
    _ours(clients, ledger)


def _ours(clients: Clients, ledger: Ledger) -> bool:
    """Return whether the bucket is there; raise ResourceConflict when it is not ours.

    One of ours may lack its tags when we died right after creating it: the ledger names it then.
    """
    name = name_of(clients, ledger.name)
    tags = _tags(clients, name)
    if tags is None:
        return False
    row = ledger.resource(_ROLE)
    half_made = tags == [] and row is not None and row.state == "intent"
    if not half_made and has_lost_its_tags(ledger, _ROLE, tags):
        raise lost(ledger, f"the bucket {name!r}")
    if not half_made and not owns(ledger, tags, name):
        raise conflict(ledger, f"the bucket {name!r}", tags)
    return True


def _tags(clients: Clients, name: str) -> list[Any] | None:
    """Return the bucket's tags, None when there is no such bucket."""
    try:
        with tolerating("NoSuchTagSet"):
            return list(clients.s3.get_bucket_tagging(Bucket=name, **_owner(clients))["TagSet"])
    except ClientError as error:
        if code(error) in _ABSENT:
            return None
        if code(error) not in _DENIED:
            raise
        raise ResourceConflict(
            f"the bucket {name!r} is not ours: it belongs to another AWS account, or a policy "
            f"denies it to account {clients.settings.account}; choose another name for the "
            "deployment, or remove that policy"
        ) from error
    return []


def _is_unclear(clients: Clients, ledger: Ledger, name: str) -> bool:
    """Return whether our account has the bucket, and a policy or lost tags hide its owner."""
    if not any(
        found["Name"] == name
        for page in clients.s3.get_paginator("list_buckets").paginate(Prefix=name)
        for found in page["Buckets"]
    ):
        return False
    try:
        tags = _tags(clients, name)
    except ResourceConflict:
        return True
    return tags is not None and has_lost_its_tags(ledger, _ROLE, tags)


def _create(clients: Clients, ledger: Ledger, name: str) -> None:
    """Create it; one that is there already may be what our own resent call has created."""
    region = clients.settings.region
    where: Any = (
        {}
        if region == _CLASSIC_REGION
        else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )
    with tolerating("BucketAlreadyOwnedByYou"):
        clients.s3.create_bucket(Bucket=name, **where)
        return
    _ours(clients, ledger)


def _drifts(clients: Clients, name: str) -> Iterator[Drift]:
    for setting in settings(clients, name, _owner(clients)):
        if setting.differs:
            what = f"bucket {name}: {setting.name} is {_text(setting.current)}"
            yield Drift(what, f"should be {_text(setting.should_be)}", setting.put)


def _text(value: Any) -> str:
    """Return a setting as the plan shows it."""
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _empty(clients: Clients, name: str) -> None:
    ours = _owner(clients)
    for page in clients.s3.get_paginator("list_object_versions").paginate(Bucket=name, **ours):
        objects: list[Any] = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if objects:
            deleted = clients.s3.delete_objects(
                Bucket=name, Delete={"Objects": objects, "Quiet": True}, **ours
            )
            _refuse_what_stays(name, deleted.get("Errors", []))


def _refuse_what_stays(name: str, errors: list[Any]) -> None:
    """S3 answers with success, and lists what it was too busy, or not allowed, to delete."""
    for error in errors:
        what = f"object {error['Key']!r} of the bucket {name!r} stays: {error['Code']}"
        if error["Code"] not in _DENIED:
            raise Pending(what)
        raise Refused(
            f"{what}: {error.get('Message', 'denied')}; remove the bucket policy or the legal hold "
            "that denies its deletion, then run `lamplighter down` again"
        )


def _owner(clients: Clients) -> Any:
    """Return the parameter by which S3 refuses a bucket of another account."""
    return {"ExpectedBucketOwner": clients.settings.account}


def _shown(clients: Clients, ledger: Ledger) -> str:
    return f"S3 bucket {name_of(clients, ledger.name)}"
