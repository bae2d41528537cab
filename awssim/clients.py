"""boto3 clients for set-up and inventory, built once: building one costs as much as 50 calls."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import moto  # noqa: F401  (moto hooks itself into clients that are built after its import)

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
ACCESS_KEY = "AKIAEMULATED"
SECRET_KEY = "emulated"  # noqa: S105 - no secret


@cache
def client(service: str) -> Any:
    """Any: one function serves a dozen client types, and only the harness and its tests call it."""
    return _session().client(service)  # type: ignore[call-overload]


@cache
def _session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION
    )
