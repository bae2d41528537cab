"""Moto denies by a bucket policy without reading its conditions: a TLS-only bucket denies all.

The policy is kept here instead of being enforced; GetBucketPolicy returns it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule


class BucketPolicies:
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self.rules: Mapping[str, Rule] = {
            "s3.PutBucketPolicy": self._put,
            "s3.GetBucketPolicy": self._get,
            "s3.DeleteBucketPolicy": self._delete,
            "s3.DeleteBucket": self._delete,
        }

    def _put(self, request: Request, proceed: Proceed) -> Response:
        del proceed
        request.ask("HeadBucket", Bucket=request.parameters["Bucket"])
        self._kept[request.parameters["Bucket"]] = request.parameters["Policy"]
        return {"ResponseMetadata": {"HTTPStatusCode": 204}}

    def _get(self, request: Request, proceed: Proceed) -> Response:
        bucket = request.parameters["Bucket"]
        if bucket in self._kept:
            return {"Policy": self._kept[bucket]}
        return proceed(request)

    def _delete(self, request: Request, proceed: Proceed) -> Response:
        answer = proceed(request)
        self._kept.pop(request.parameters["Bucket"], None)
        return answer
