"""What EC2's instance metadata service (version 2) says of this instance."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from host.machine.commands import Unanswered

ORIGIN = "http://169.254.169.254"
_IDENTITY = ("instanceId", "instanceType", "imageId", "availabilityZone", "region", "accountId")
_SECONDS = 2.0
_MOST = 16 * 1024  # bytes

log = logging.getLogger("lamplighter.agent")


def instance_id(sleep: Callable[[float], None], origin: str = ORIGIN) -> str:
    """Return it, however long that takes: a report without it is useless."""
    while True:
        try:
            return _ask(origin, "/latest/meta-data/instance-id")
        except Unanswered as error:
            log.warning("%s", error)
            sleep(2)


def public_address(origin: str) -> str:
    """Return the instance's public IPv4 address; raise Unanswered also when it has none."""
    return _ask(origin, "/latest/meta-data/public-ipv4")


def identity(origin: str) -> dict[str, Any]:
    """Raise Unanswered when the metadata service is away or refuses."""
    text = _ask(origin, "/latest/dynamic/instance-identity/document")
    try:
        found = json.loads(text)
        return {name: found[name] for name in _IDENTITY}
    except (ValueError, KeyError, TypeError) as error:
        raise Unanswered(f"the metadata service says nothing sensible: {error!r}") from error


def _ask(origin: str, path: str) -> str:
    try:
        seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = _exchange(origin, "PUT", "/latest/api/token", seconds)
        return _exchange(origin, "GET", path, {"X-aws-ec2-metadata-token": token})
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"the metadata service did not answer: {error}") from error


def _exchange(origin: str, method: str, path: str, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection(urlsplit(origin).netloc, timeout=_SECONDS)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        text = response.read(_MOST).decode(errors="replace")
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"{method} {path} answered {response.status}")
    return text
