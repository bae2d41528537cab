"""The settings of the scripts bucket: what S3 has, what it should have, and how to set it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.aws import policies
from orchestrator.aws.clients import Clients
from orchestrator.aws.error_codes import code

_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_LIFECYCLE: Any = {
    "Rules": [
        {
            "ID": "forget-old-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}
_ENCRYPTED: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
_OWNED: Any = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
_NOT_SET = {
    *("NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration"),
    *("NoSuchBucketPolicy", "ServerSideEncryptionConfigurationNotFoundError"),
    "OwnershipControlsNotFoundError",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """name: in a sentence; current: None where it is not set; put: sets what it should be."""

    name: str
    should_be: Any
    current: Any = field(repr=False)
    put: Callable[[], object] = field(repr=False)

    @property
    def differs(self) -> bool:
        return not policies.same(self.current, self.should_be)


def settings(clients: Clients, bucket: str, owner: Any) -> Iterator[Setting]:
    """Yield every setting of the bucket that is ours; owner: the parameter that names its account.

    The policy comes last: a public one is refused once the bucket is closed.
    """
    s3: Any = clients.s3
    mine = {"Bucket": bucket, **owner}

    def read(ask: Callable[..., Any], key: str) -> Any:
        try:
            return ask(**mine).get(key)
        except ClientError as error:
            if code(error) not in _NOT_SET:
                raise
            return None

    closed = read(s3.get_public_access_block, "PublicAccessBlockConfiguration")
    yield Setting(
        "public access is blocked",
        _CLOSED,
        closed,
        lambda: s3.put_public_access_block(PublicAccessBlockConfiguration=_CLOSED, **mine),
    )
    yield Setting(
        "versioning",
        "Enabled",
        read(s3.get_bucket_versioning, "Status"),
        lambda: s3.put_bucket_versioning(VersioningConfiguration={"Status": "Enabled"}, **mine),
    )
    encryption = read(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration")
    yield Setting(
        "encryption by S3's own key",
        "AES256",
        _algorithm(encryption),
        lambda: s3.put_bucket_encryption(ServerSideEncryptionConfiguration=_ENCRYPTED, **mine),
    )
    owned = read(s3.get_bucket_ownership_controls, "OwnershipControls")
    yield Setting(
        "objects belong to the bucket's owner",
        _OWNED,
        owned,
        lambda: s3.put_bucket_ownership_controls(OwnershipControls=_OWNED, **mine),
    )
    rules = read(s3.get_bucket_lifecycle_configuration, "Rules")
    yield Setting(
        "lifecycle",
        _LIFECYCLE["Rules"],
        rules,
        lambda: s3.put_bucket_lifecycle_configuration(LifecycleConfiguration=_LIFECYCLE, **mine),
    )
    policy = _tls_only(clients, bucket)
    there = read(s3.get_bucket_policy, "Policy")
    yield Setting(
        "policy",
        policy,
        json.loads(there) if there else None,
        lambda: s3.put_bucket_policy(Policy=json.dumps(policy), **mine),
    )


def _algorithm(encryption: Any) -> str | None:
    """Return the default algorithm; S3 encrypts with its own key where none is set."""
    for rule in (encryption or _ENCRYPTED).get("Rules", []):
        return str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm"))
    return None


def _tls_only(clients: Clients, bucket: str) -> dict[str, Any]:
    arn = f"arn:{clients.settings.partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
