"""A call that names an ExpectedBucketOwner is refused on another account's bucket, as S3 does.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_PARTITION = "aws"


class BucketOwners:
    """Outside the other rules of S3: nothing else is looked at before the owner."""

    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = dict.fromkeys(_operations(), _check)

    def plant(self, bucket: str, *, owner: str, region: str) -> None:
        """Create a versioned bucket in another account, open to everybody, as an attacker would."""
        backend = s3_backends[owner][_PARTITION]
        backend.create_bucket(bucket, region)
        backend.put_bucket_versioning(bucket, "Enabled")


@cache
def _operations() -> frozenset[str]:
    """Kept: to read the model of S3 takes longer than everything else that an account needs."""
    model = botocore.session.get_session().get_service_model("s3")
    operations = map(model.operation_model, model.operation_names)
    return frozenset(f"s3.{each.name}" for each in operations if _takes_owner(each))


def _takes_owner(operation: botocore.model.OperationModel) -> bool:
    taken = operation.input_shape
    return taken is not None and "ExpectedBucketOwner" in taken.members


def _check(request: Request, proceed: Proceed) -> Response:
    expected = request.parameters.get("ExpectedBucketOwner")
    _, owner = s3_backends.bucket_accounts.get(request.parameters.get("Bucket", ""), (None, None))
    if expected and owner and owner != expected:
        request.refuse("AccessDenied", "Access Denied", status=403)
    return proceed(request)
