"""Where the deployment's name leads. For HTTP-01 an authority asks the host that it leads to."""

from __future__ import annotations

import socket
from collections.abc import Callable

from host.machine import metadata
from host.machine.commands import Unanswered

LOOKS = 240  # in a row, before the stored certificate is looked at again: an hour


def elsewhere(host: str, origin: str) -> str | None:
    """Return where the name leads when it is not here; origin: of the metadata service.

    None: it leads to this host's public address, or the host does not know that address.
    """
    try:
        own = metadata.public_address(origin)
    except Unanswered:
        return None
    found = addresses(host)
    if own in found:
        return None
    return f"{host} leads to {', '.join(found) or 'no address'}, not to this host ({own})"


def addresses(host: str) -> list[str]:
    """Return the addresses of its A records; none for a name that has none, or no name server."""
    try:
        found = socket.getaddrinfo(host, 80, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(each[4][0]) for each in found})


def wait(leads_elsewhere: Callable[[], object], pause: Callable[[], None]) -> None:
    """Return when the name leads here, or after LOOKS."""
    for _ in range(LOOKS):
        pause()
        if not leads_elsewhere():
            return
