"""The instance's files in the bucket: what is uploaded, and what is uploaded again."""

from __future__ import annotations

from functools import partial

from orchestrator.resources import bucket, scripts
from orchestrator.spec.parsing import parse


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


def test_a_repair_keeps_the_scripts_of_what_serves_and_not_those_of_a_change(complete):
    ours = complete.ledger.resource("scripts").facts["prefix"]
    complete.deployment = parse({**complete.spec, "model": "other"})
    theirs = complete.run(scripts.ensure, scripts)["prefix"]
    assert theirs != ours

    complete.deployment = parse(complete.spec)
    kept = complete.run(partial(scripts.ensure, keep=True), scripts)["prefix"]

    assert kept == complete.ledger.resource("scripts").facts["prefix"] == ours
