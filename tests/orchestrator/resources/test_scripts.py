"""The instance's files in the bucket: what is uploaded, and what is uploaded again."""

from __future__ import annotations

import pytest
from orchestrator.resources import bucket, scripts


@pytest.fixture
def uploaded(workflow):
    """Return what lies in the bucket after provision: key -> content."""
    workflow.provision()
    return workflow


def content(workflow):
    s3, where = workflow.clients.s3, bucket.name_of(workflow.clients, "demo")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=where)["Contents"]]
    return {key: s3.get_object(Bucket=where, Key=key)["Body"].read() for key in keys}


def test_what_was_changed_or_removed_in_the_bucket_is_uploaded_again(uploaded):
    before = content(uploaded)
    where = bucket.name_of(uploaded.clients, "demo")
    changed, removed = [key for key in before if key.endswith(("setup.sh", "lib.sh"))]
    uploaded.clients.s3.put_object(Bucket=where, Key=changed, Body=b"echo owned\n")
    uploaded.clients.s3.delete_object(Bucket=where, Key=removed)

    uploaded.run(scripts.ensure, scripts)

    assert content(uploaded) == before


def test_what_is_as_it_was_is_not_uploaded_again(uploaded, account):
    calls = account.creating_calls()

    uploaded.run(scripts.ensure, scripts)

    assert account.creating_calls() == calls
