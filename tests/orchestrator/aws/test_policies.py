"""A policy that AWS writes down in another form is no drift: it would be mended for ever."""

from __future__ import annotations

import json

import pytest
from orchestrator.aws import naming, policies
from orchestrator.resources import bucket, registry, role


def rewritten(node):
    """As S3 and IAM may answer: lists the other way round, a list of one as its member."""
    if isinstance(node, dict):
        return {key: rewritten(value) for key, value in node.items()}
    if not isinstance(node, list):
        return node
    members = [rewritten(each) for each in reversed(node)]
    return members[0] if len(members) == 1 else members


@pytest.fixture
def answered_otherwise(complete, account):
    """The policies of bucket, repository and role, in another form."""
    c, host = complete.clients, role.name_of(complete.clients, complete.ledger)
    named, of_bucket = {"RoleName": host, "PolicyName": "host"}, bucket.name_of(c, "demo")
    of_repository = {"repositoryName": naming.repository("demo")}
    with account.uncounted():
        found = json.loads(c.s3.get_bucket_policy(Bucket=of_bucket)["Policy"])
        c.s3.put_bucket_policy(Bucket=of_bucket, Policy=json.dumps(rewritten(found)))
        found = json.loads(c.ecr.get_repository_policy(**of_repository)["policyText"])
        c.ecr.set_repository_policy(**of_repository, policyText=json.dumps(rewritten(found)))
        found = c.iam.get_role_policy(**named)["PolicyDocument"]
        c.iam.put_role_policy(**named, PolicyDocument=json.dumps(rewritten(found)))
    return complete


@pytest.mark.parametrize("module", [bucket, registry, role])
def test_another_form_is_no_difference(answered_otherwise, account, module):
    before = account.creating_calls()

    assert "change" not in {each.action for each in answered_otherwise.run(module.plan, module)}
    answered_otherwise.ensure(module)

    assert account.creating_calls() == before


@pytest.mark.parametrize(
    ("there", "is_same"),
    [
        ({"Action": ["b", "a"]}, True),
        ({"Action": ["a", "b", "c"]}, False),
        ({"Action": "a"}, False),
        (None, False),
    ],
)
def test_what_is_allowed_counts(there, is_same):
    assert policies.same(there, {"Action": ["a", "b"]}) is is_same
