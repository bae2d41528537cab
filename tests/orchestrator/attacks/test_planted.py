"""Another account takes a bucket's name first, with our tag on it: IAM refuses every call to it.

That the code refuses it too, and a planted archive in our own bucket, is in
resources/test_image.py and resources/test_teardown.py.
"""

from __future__ import annotations

import pytest
from awssim.clients import ACCOUNT_ID, REGION
from iamlab import policies
from iamlab.evaluation import Request, allowed, listed
from template_files import read

ATTACKER = "210987654321"
BUCKET = f"lamplighter-demo-{ACCOUNT_ID}-{REGION}"
WITHOUT_RESOURCE = {"s3:CreateBucket", "s3:ListAllMyBuckets"}
ROLES = [
    name
    for name, resource in read()["Resources"].items()
    if {"Policies", "PolicyDocument"} & set(resource.get("Properties", {}))
    and resource["Type"] != "AWS::SQS::QueuePolicy"
]


def requests(role, owner):
    """Yield a request for each thing that the role may do to the bucket, owned by this account."""
    for document in policies.of(role):
        for statement in document["Statement"]:
            for action in listed(statement["Action"]):
                if action.startswith("s3:") and action not in WITHOUT_RESOURCE:
                    for arn in listed(statement["Resource"]):
                        resource = arn.replace(f"lamplighter-*-{ACCOUNT_ID}-{REGION}", BUCKET)
                        context = {"aws:ResourceAccount": owner}
                        yield Request(action, resource.replace("*", "x"), context)


@pytest.mark.parametrize("role", ROLES)
def test_no_call_reaches_a_bucket_of_another_account(role):
    ours, theirs = list(requests(role, ACCOUNT_ID)), list(requests(role, ATTACKER))

    assert all(allowed(policies.of(role), each) for each in ours)
    assert not [str(each) for each in theirs if allowed(policies.of(role), each)]


def test_a_host_takes_no_script_from_a_bucket_of_another_account(host):
    assert host().takes("s3:GetObject", "demo", "scripts/x/fetch.py")
    assert not host().takes("s3:GetObject", "demo", "scripts/x/fetch.py", account=ATTACKER)
