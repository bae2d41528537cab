"""Who am I: the instance id, from the instance metadata service, version 2 only."""

from __future__ import annotations

import http.client
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("lamplighter.agent")

METADATA = "169.254.169.254"


def instance_id(sleep: Callable[[float], None], host: str = METADATA, port: int = 80) -> str:
    """Return it, however long the metadata service takes: without it no report can be placed."""
    while True:
        try:
            token = _ask(
                host, port, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"
            )
            return _ask(
                host,
                port,
                "GET",
                "/latest/meta-data/instance-id",
                "X-aws-ec2-metadata-token",
                token,
            )
        except (OSError, http.client.HTTPException) as error:
            log.warning("metadata service did not answer error=%s", error)
            sleep(2)


def _ask(host: str, port: int, method: str, path: str, header: str, value: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request(method, path, headers={header: value})
        response = connection.getresponse()
        text = response.read(1024).decode()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"{method} {path} answered {response.status}")
    return text
