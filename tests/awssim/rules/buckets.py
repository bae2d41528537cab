"""S3 refuses a bucket of another account than the caller expects; moto reads no such parameter.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awssim.clients import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule

_CALLS = (
    *("DeleteBucket", "DeleteObjects", "GetBucketTagging", "GetObject", "HeadBucket"),
    *("ListObjectVersions", "ListObjectsV2", "PutBucketLifecycleConfiguration", "PutBucketPolicy"),
    *("PutBucketTagging", "PutBucketVersioning", "PutObject", "PutPublicAccessBlock"),
)


class Buckets:
    """foreign: buckets of other accounts. Their policies let us do anything: the worst case."""

    def __init__(self) -> None:
        self.foreign: set[str] = set()
        self.rules: Mapping[str, Rule] = {
            **{f"s3.{name}": self._owned for name in _CALLS},
            "s3.CreateBucket": self._create,
            "s3.ListBuckets": self._list,
        }

    def _owned(self, request: Request, proceed: Proceed) -> Response:
        expected = request.parameters.get("ExpectedBucketOwner", ACCOUNT_ID)
        is_foreign = request.parameters["Bucket"] in self.foreign
        if expected != ACCOUNT_ID or (is_foreign and "ExpectedBucketOwner" in request.parameters):
            request.refuse("AccessDenied", "Access Denied", status=403)
        return proceed(request)

    def _create(self, request: Request, proceed: Proceed) -> Response:
        if request.parameters["Bucket"] in self.foreign:
            request.refuse(
                "BucketAlreadyExists", "The requested bucket name is not available.", status=409
            )
        return proceed(request)

    def _list(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        ours = [found for found in response["Buckets"] if found["Name"] not in self.foreign]
        return {**response, "Buckets": ours}
