"""One HTTP exchange with a deadline, and what its result means.

No redirects and no proxies: it only talks to this host.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from host.probes.check import Check, Verdict

LARGEST = 1024 * 1024  # bytes of an answer that are read
PROBE = "lamplighter-probe"  # how a request id begins by which the gateway counts no traffic
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        """Return the parsed body; None when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def exchange(
    method: str, url: str, *, seconds: float, key: str | None = None, body: Any = None
) -> Answer | Check:
    """Return the answer, or what its absence means: refused or cut off is dead, slow is not."""
    # Behind Docker's bridge the gateway would see another address than this machine's own.
    headers = {
        "X-Request-Id": f"{PROBE}-{secrets.token_hex(8)}",
        "X-Forwarded-For": "127.0.0.1",
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = _connect(url, seconds)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, urlsplit(url).path, body=payload, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read(LARGEST))
    except TimeoutError:
        return Check(Verdict.UNSURE, f"{url} did not answer within {seconds:g} s")
    except (OSError, http.client.HTTPException) as error:
        return Check(Verdict.DEAD, f"{url}: {_reason(error)}")
    finally:
        connection.close()


def expect_ok(url: str, found: Answer | Check) -> Check | None:
    """Return None for a 200, else what it means: 5xx is dead, any other status proves nothing."""
    if isinstance(found, Check):
        return found
    if found.status == http.client.OK:
        return None
    verdict = Verdict.DEAD if found.status in SERVER_ERRORS else Verdict.UNSURE
    return Check(verdict, f"{url} answered {found.status}")


def _reason(error: OSError | http.client.HTTPException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _connect(url: str, seconds: float) -> http.client.HTTPConnection:
    address = urlsplit(url)
    host = address.hostname or "127.0.0.1"
    if address.scheme == "https":
        # Our own nginx on loopback, under a name that its certificate does not carry.
        unverified = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above
        return http.client.HTTPSConnection(host, address.port, timeout=seconds, context=unverified)
    return http.client.HTTPConnection(host, address.port, timeout=seconds)
