"""Posts a document to a webhook: a few attempts, each with a limit, no redirects."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Timer

from orchestrator.errors import Undelivered
from orchestrator.notices.destination import Destination, Unresolved, public_address

_OK, _REDIRECT, _BAD_REQUEST = 200, 300, 400
_BUSY, _BROKEN = 429, 500
_HEADERS = {"Content-Type": "application/json", "User-Agent": "lamplighter", "Connection": "close"}


@dataclass(frozen=True, slots=True)
class Patience:
    """seconds: for one attempt, whatever it waits for. pauses: between the attempts, seconds.

    As they are here, 18 seconds at most: less than the function's own limit.
    """

    seconds: float = 5.0
    pauses: tuple[float, ...] = (1.0, 2.0)


def post(
    destination: Destination,
    document: bytes,
    patience: Patience = Patience(),
    resolve: Callable[[Destination], str] = public_address,
) -> None:
    """Return once the webhook has answered 2xx; raise Undelivered, at once for what stays so."""
    why = ""
    for pause in (*patience.pauses, None):
        try:
            status = _attempt(destination, resolve(destination), document, patience.seconds)
        except (OSError, HTTPException, Unresolved) as error:
            why = "does not answer" if isinstance(error, Unresolved) else _reason(error)
        else:
            if _OK <= status < _REDIRECT:
                return
            why = f"answers {status}"
            _refuse_for_good(destination, status)
        if pause is not None:
            time.sleep(pause)
    times = len(patience.pauses) + 1
    raise Undelivered(f"{destination.host} did not take the notice in {times} attempts: it {why}")


def _refuse_for_good(destination: Destination, status: int) -> None:
    """Raise Undelivered for an answer that the next attempt would get again."""
    if status == _BUSY or status >= _BROKEN:
        return
    remedy = "set the webhook's URL again with `lamplighter notify --webhook URL`"
    if _REDIRECT <= status < _BAD_REQUEST:
        remedy = "redirects are not followed; set the webhook to the URL that it leads to"
    raise Undelivered(f"{destination.host} refused the notice: it answers {status}; {remedy}")


def _attempt(destination: Destination, address: str, document: bytes, seconds: float) -> int:
    """Return the status; an answer that comes byte by byte is cut off after `seconds`, too."""
    ends = time.monotonic() + seconds
    raw = socket.create_connection((address, destination.port), timeout=seconds)
    tls = ssl.create_default_context().wrap_socket(
        raw, server_hostname=destination.host, do_handshake_on_connect=False
    )
    watch = Timer(max(0.0, ends - time.monotonic()), _cut, (tls,))
    watch.start()
    try:
        with tls:
            tls.do_handshake()
            connection = HTTPConnection(destination.host, destination.port)
            connection.sock = tls
            connection.request("POST", destination.path, document, _HEADERS)
            with connection.getresponse() as response:
                return response.status
    finally:
        watch.cancel()


def _cut(tls: ssl.SSLSocket) -> None:
    """End the connection below TLS, which another thread is using."""
    with suppress(OSError):
        socket.socket.shutdown(tls, socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    """Say what went wrong in our own words: a library's may repeat the URL."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"has no valid certificate ({error.verify_message})"
        case ConnectionRefusedError():
            return "refuses connections"
        case TimeoutError():
            return "does not answer in time"
    return f"broke the connection ({type(error).__name__})"
