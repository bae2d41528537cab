"""Stands in for boto3 in programs that a test starts: a few services of AWS out of a folder.

FAKE_AWS/s3/<bucket>/<key> (FAKE_AWS/s3-owner: the account that has the buckets),
FAKE_AWS/ssm/<name>, FAKE_AWS/events (one line a report; a folder FAKE_AWS/events-down makes the bus
unreachable). FAKE_AWS/boto3-missing: it is not installed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

ROOT = Path(os.environ["FAKE_AWS"])
if (ROOT / "boto3-missing").exists():
    raise ImportError("No module named 'boto3'")


def _refusal(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class S3:
    def get_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        ExpectedBucketOwner: str,  # noqa: N803
        Key: str,  # noqa: N803
        IfNoneMatch: str = "",  # noqa: N803
    ) -> Any:
        """FAKE_AWS/s3-down makes it unreachable."""
        if (ROOT / "s3-down").exists():
            raise EndpointConnectionError(endpoint_url="https://s3")
        source = ROOT / "s3" / Bucket / Key
        self._expect(ExpectedBucketOwner, "GetObject")
        if not (ROOT / "s3" / Bucket).is_dir():
            raise _refusal("NoSuchBucket", "The specified bucket does not exist", "GetObject")
        if not source.is_file():
            raise _refusal("NoSuchKey", "The specified key does not exist.", "GetObject")
        content = source.read_bytes()
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        if tag == IfNoneMatch:
            raise _refusal("304", "Not Modified", "GetObject")
        return {"Body": io.BytesIO(content), "ETag": tag}

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        ExpectedBucketOwner: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str,  # noqa: N803
    ) -> None:
        """FAKE_AWS/s3-denied: the role may not."""
        assert ContentType
        self._expect(ExpectedBucketOwner, "PutObject")
        if (ROOT / "s3-denied").exists():
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        target = ROOT / "s3" / Bucket / Key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Body)

    @staticmethod
    def _expect(account: str, operation: str) -> None:
        owner = ROOT / "s3-owner"
        if owner.exists() and owner.read_text() != account:
            raise _refusal("AccessDenied", "Access Denied", operation)


class Ssm:
    """FAKE_AWS/ssm-down makes it unreachable; a page holds two parameters."""

    def get_parameter(self, *, Name: str, WithDecryption: bool = False) -> Any:  # noqa: N803
        self._reach()
        assert WithDecryption == ("/keys/" not in Name and "/hosts/" not in Name)
        source = ROOT / "ssm" / Name.strip("/")
        if not source.is_file():
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Name": Name, "Value": source.read_text()}}

    def get_parameters_by_path(self, *, Path: str, NextToken: str = "0") -> Any:  # noqa: N803
        self._reach()
        found = sorted((ROOT / "ssm" / Path.strip("/")).glob("*"))
        start, end = int(NextToken), int(NextToken) + 2
        page = [{"Name": f"{Path}/{p.name}", "Value": p.read_text()} for p in found[start:end]]
        return {"Parameters": page} | ({"NextToken": str(end)} if end < len(found) else {})

    def put_parameter(self, *, Name: str, Value: str, **given: Any) -> Any:  # noqa: N803
        self._reach()
        if (ROOT / "ssm-read-only").exists():
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutParameter")
        target = ROOT / "ssm" / Name.strip("/")
        if target.exists() and not given.get("Overwrite"):
            raise ClientError({"Error": {"Code": "ParameterAlreadyExists"}}, "PutParameter")
        assert ("Tags" in given) != bool(given.get("Overwrite"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Value)
        with (ROOT / "ssm-puts").open("a") as file:
            file.write(json.dumps({"Name": Name, **given}) + "\n")
        return {}

    def _reach(self) -> None:
        if (ROOT / "ssm-down").exists():
            raise EndpointConnectionError(endpoint_url="https://ssm")


class Ecr:
    def get_authorization_token(self) -> Any:
        token = base64.b64encode(b"AWS:registry-password").decode()
        return {"authorizationData": [{"authorizationToken": token}]}


class Events:
    def put_events(self, *, Entries: list[dict[str, str]]) -> Any:  # noqa: N803
        if (ROOT / "events-down").exists():
            raise EndpointConnectionError(endpoint_url="https://events")
        with (ROOT / "events").open("a") as file:
            for entry in Entries:
                file.write(json.dumps(entry) + "\n")
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


class CloudWatch:
    """FAKE_AWS/metrics: one line a call."""

    def put_metric_data(self, *, Namespace: str, MetricData: Any) -> None:  # noqa: N803
        with (ROOT / "metrics").open("a") as file:
            file.write(json.dumps([Namespace, MetricData]) + "\n")


class Route53:
    """FAKE_AWS/route53/<name> holds a TXT record; FAKE_AWS/route53-refuses the code of an error."""

    def change_resource_record_sets(self, *, HostedZoneId: str, ChangeBatch: Any) -> Any:  # noqa: N803
        refuses = ROOT / "route53-refuses"
        if refuses.exists():
            raise ClientError({"Error": {"Code": refuses.read_text()}}, "ChangeResourceRecordSets")
        [change] = ChangeBatch["Changes"]
        record = change["ResourceRecordSet"]
        with (ROOT / "route53-changes").open("a") as file:
            file.write(json.dumps([change["Action"], HostedZoneId, record["Name"]]) + "\n")
        path = ROOT / "route53" / record["Name"]
        path.parent.mkdir(exist_ok=True)
        if change["Action"] == "DELETE":
            path.unlink()
        else:
            path.write_text(record["ResourceRecords"][0]["Value"])
        return {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}

    def get_change(self, *, Id: str) -> Any:  # noqa: N803
        assert Id == "C1"
        return {"ChangeInfo": {"Id": "/change/C1", "Status": "INSYNC"}}


def client(service: str, region_name: str, config: object = None) -> Any:
    assert region_name
    services = {
        "cloudwatch": CloudWatch,
        "ecr": Ecr,
        "events": Events,
        "route53": Route53,
        "s3": S3,
        "ssm": Ssm,
    }
    return services[service]()
