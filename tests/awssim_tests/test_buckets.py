"""A bucket of another account refuses whoever says which account's it should be."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(account):
    s3 = account.client("s3")
    s3.create_bucket(Bucket="taken")
    account.buckets.foreign.add("taken")
    return s3


def test_a_call_that_expects_another_owner_is_denied(s3):
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="taken", ExpectedBucketOwner="123456789012")


def test_a_call_that_expects_no_owner_is_let_in(s3):
    assert s3.list_objects_v2(Bucket="taken")["KeyCount"] == 0


def test_its_name_is_taken_and_it_is_not_listed(s3):
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        s3.create_bucket(Bucket="taken")

    assert s3.list_buckets(Prefix="taken")["Buckets"] == []
