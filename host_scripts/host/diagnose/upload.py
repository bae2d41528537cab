"""Store the document in the deployment's own bucket.

The bucket's name follows the orchestrator's rule (naming.py); a test compares the two.
"""

from __future__ import annotations

from typing import Any

from host.diagnose import setup
from host.diagnose.places import Places
from host.machine import metadata
from host.machine.commands import Unanswered


def upload(document: str, places: Places, now: str) -> str:
    """Return the object's URL; raise Unanswered with a sentence. now: ends the object's name."""
    me = metadata.identity(places.metadata)
    if not (deployment := setup.settings(places).get("DEPLOYMENT")):
        raise Unanswered("deployment.env has no DEPLOYMENT: render it again")
    bucket = f"lamplighter-{deployment}-{me['accountId']}-{me['region']}"
    key = f"diagnostics/{me['instanceId']}/{now}.json"
    _put(document, me, bucket, key)
    return f"s3://{bucket}/{key}"


def _put(document: str, me: dict[str, Any], bucket: str, key: str) -> None:
    try:
        import boto3  # noqa: PLC0415 - a machine without it still gives its document
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError as error:
        raise Unanswered(f"this machine has no boto3 yet: {error}") from error
    quick = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 2})
    try:
        s3 = boto3.client("s3", region_name=me["region"], config=quick)
        s3.put_object(
            Bucket=bucket,
            ExpectedBucketOwner=me["accountId"],
            Key=key,
            Body=document.encode(),
            ContentType="application/json",
        )
    except (BotoCoreError, ClientError) as error:
        raise Unanswered(f"s3://{bucket} refused: {error}") from error
