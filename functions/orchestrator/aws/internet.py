"""Small public documents outside AWS, over HTTPS; never with a secret.

Where LAMPLIGHTER_ORIGINS is set (the local twin) there is no internet: every document is out of
reach there.
"""

from __future__ import annotations

import http.client
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_SECONDS = 5.0
_MOST_BYTES = 1_000_000
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


class Unreachable(Exception):
    """A document could not be fetched; the text says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """status: HTTP's. body: at most a megabyte; longer ones raise Unreachable."""

    status: int
    body: bytes


def fetch(url: str) -> Document:
    """Return what a URL answers; a redirect is followed on the same host only."""
    if os.environ.get("LAMPLIGHTER_ORIGINS"):
        raise Unreachable("the local twin has no internet")
    host = urlsplit(url).netloc
    for _ in range(_MOST_REDIRECTS):
        document, location = _get(url)
        if document.status not in _REDIRECTS:
            return document
        url = urljoin(url, location)
        if urlsplit(url)[:2] != ("https", host):
            raise Unreachable(f"{host} leads to another host, {urlsplit(url).netloc}")
    raise Unreachable(f"{host} redirects more than {_MOST_REDIRECTS} times")


def _get(url: str) -> tuple[Document, str]:
    """Return the answer, and where it leads on."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=_SECONDS, context=ssl.create_default_context()
    )
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()
    if len(body) > _MOST_BYTES:
        raise Unreachable(f"{parts.netloc} answers more than {_MOST_BYTES} bytes")
    return Document(answer.status, body), answer.headers.get("Location", "")
