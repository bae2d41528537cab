"""Repositories and images, buckets and every version of every object, SSM parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.clients import client
from awssim.inventory.item import Item
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = frozenset({"repositories", "images", "buckets", "objects", "parameters"})


def read() -> Iterator[Item]:
    yield from _repositories(client("ecr"))
    s3 = client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        yield Item("buckets", bucket["Name"], f"{bucket['Name']} {_settings(s3, bucket['Name'])}")
        yield from _objects(s3, bucket["Name"])
    for page in client("ssm").get_paginator("describe_parameters").paginate():
        for parameter in page["Parameters"]:
            looks = f"{parameter['Name']} {parameter['Type']}"
            yield Item("parameters", parameter["Name"], looks)


def _repositories(ecr: Any) -> Iterator[Item]:
    for page in ecr.get_paginator("describe_repositories").paginate():
        for repository in page["repositories"]:
            name = repository["repositoryName"]
            looks = f"{name} {repository['imageTagMutability']}"
            yield Item("repositories", name, looks)
            for image in ecr.describe_images(repositoryName=name)["imageDetails"]:
                tagged = f"{name}:{','.join(sorted(image.get('imageTags', [])))}"
                yield Item("images", f"{tagged}@{image['imageDigest']}", tagged)


def _settings(s3: Any, bucket: str) -> str:
    reads: dict[str, Callable[[], Any]] = {
        "versioned": lambda: s3.get_bucket_versioning(Bucket=bucket)["Status"],
        "closed": lambda: s3.get_public_access_block(Bucket=bucket),
        "encrypted": lambda: s3.get_bucket_encryption(Bucket=bucket),
        "policy": lambda: s3.get_bucket_policy(Bucket=bucket),
        "lifecycle": lambda: s3.get_bucket_lifecycle_configuration(Bucket=bucket),
        "tags": lambda: s3.get_bucket_tagging(Bucket=bucket),
    }
    return " ".join(name for name, ask in reads.items() if _is_set(ask))


def _is_set(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except (ClientError, KeyError):
        return False
    return True


def _objects(s3: Any, bucket: str) -> Iterator[Item]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            name = f"{bucket}/{version['Key']}"
            yield Item("objects", f"{name}?{version['VersionId']}", name)
        for marker in page.get("DeleteMarkers", []):
            name = f"{bucket}/{marker['Key']}"
            yield Item("objects", f"{name}?{marker['VersionId']}", f"{name} (deleted)")
