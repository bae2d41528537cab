"""The instance's files in the bucket: what is uploaded, and what is uploaded again."""

from __future__ import annotations

import json
from functools import partial

from orchestrator.ledger.rows import Role
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


def documents(workflow):
    """Return the gateway's settings in the bucket: key -> those of the specification."""
    return {
        key: json.loads(body)["settings"]
        for key, body in content(workflow).items()
        if key.startswith("gateway/")
    }


def test_settings_of_the_gateway_are_written_where_the_host_that_serves_looks(complete):
    """Also where it was launched by a version that had another digest for the specification."""
    [ours] = documents(complete)
    complete.ledger.set_host(1, role=Role.SERVING, spec_digest="0123456789abcdef")
    complete.deployment = parse({**complete.spec, "gateway": {"max_output_tokens": 7}})

    complete.run(partial(scripts.ensure, keep=True), scripts)

    found = documents(complete)
    assert found.keys() == {ours, "gateway/0123456789abcdef.json"}
    assert {each["max_output_tokens"] for each in found.values()} == {7}


def test_a_change_to_another_host_leaves_the_settings_of_the_one_that_serves(complete):
    before = documents(complete)
    changed = {**complete.spec, "model": "other", "gateway": {"aliases": {"a": "other"}}}
    complete.ledger.record(next_spec=json.dumps(changed), next_execution=complete.ledger.owner)
    complete.deployment = parse(changed)

    complete.run(scripts.ensure, scripts)

    after = documents(complete)
    assert {key: after.pop(key) for key in before} == before
    assert [each["aliases"] for each in after.values()] == [{"a": "other"}]


def test_settings_that_somebody_changed_in_the_bucket_are_a_drift(complete):
    [key] = documents(complete)
    where = bucket.name_of(complete.clients, "demo")
    plan = partial(scripts.plan, complete.clients, complete.deployment, complete.ledger)
    before = [each for each in plan() if each.action != "keep"]
    complete.clients.s3.put_object(Bucket=where, Key=key, Body=b"{}")

    [found] = [each for each in plan() if each.action != "keep"]

    assert before == []
    assert key in str(found)
