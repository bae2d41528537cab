from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from awssim import Account


def test_a_policy_that_was_deleted_is_not_shown_any_more(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="a-bucket")
    s3.put_bucket_policy(Bucket="a-bucket", Policy='{"Version": "2012-10-17", "Statement": []}')

    s3.delete_bucket_policy(Bucket="a-bucket")

    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="a-bucket")
