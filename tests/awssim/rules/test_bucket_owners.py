from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awssim.clients import ACCOUNT_ID, REGION
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account

OTHER = "210987654321"


@pytest.fixture
def s3(account: Account) -> Any:
    return account.client("s3")


def test_a_call_that_expects_another_owner_is_denied(account: Account, s3: Any) -> None:
    account.buckets.plant("taken", owner=OTHER, region=REGION)

    with pytest.raises(ClientError) as refusal:
        s3.put_object(Bucket="taken", Key="a", Body=b"", ExpectedBucketOwner=ACCOUNT_ID)

    assert refusal.value.response["Error"]["Code"] == "AccessDenied"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_call_that_expects_the_owner_or_none_goes_through(account: Account, s3: Any) -> None:
    s3.create_bucket(Bucket="ours")
    account.buckets.plant("taken", owner=OTHER, region=REGION)

    s3.put_object(Bucket="ours", Key="a", Body=b"", ExpectedBucketOwner=ACCOUNT_ID)
    s3.put_object(Bucket="taken", Key="a", Body=b"", ExpectedBucketOwner=OTHER)
    s3.put_object(Bucket="taken", Key="a", Body=b"")


def test_the_name_of_another_accounts_bucket_is_taken_and_not_listed(
    account: Account, s3: Any
) -> None:
    account.buckets.plant("taken", owner=OTHER, region=REGION)

    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        s3.create_bucket(Bucket="taken")

    assert s3.list_buckets(Prefix="taken")["Buckets"] == []
