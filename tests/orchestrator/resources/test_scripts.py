"""The instance's files in the bucket: what is uploaded, and what is uploaded again."""

from __future__ import annotations

from orchestrator.resources import bucket, scripts


def content(workflow):
    """Return what lies in the bucket: key -> content."""
    s3, where = workflow.clients.s3, bucket.name_of(workflow.clients, "demo")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=where)["Contents"]]
    return {key: s3.get_object(Bucket=where, Key=key)["Body"].read() for key in keys}


def test_what_was_changed_or_removed_in_the_bucket_is_uploaded_again(complete):
    before = content(complete)
    where = bucket.name_of(complete.clients, "demo")
    changed, removed = [key for key in before if key.endswith(("setup.sh", "lib.sh"))]
    complete.clients.s3.put_object(Bucket=where, Key=changed, Body=b"echo owned\n")
    complete.clients.s3.delete_object(Bucket=where, Key=removed)

    complete.run(scripts.ensure, scripts)

    assert content(complete) == before


def test_what_is_as_it_was_is_not_uploaded_again(complete, account):
    complete.run(scripts.ensure, scripts)

    assert account.creating_calls() == []
