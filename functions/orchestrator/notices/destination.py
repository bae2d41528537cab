"""Where a webhook's URL leads: HTTPS, to a public address and no other.

A URL that leads into a private network would let who sets it reach what only the function reaches.
The address that was looked at is the one that is connected to: a name that answers otherwise the
second time changes nothing.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from orchestrator.errors import Undelivered

_URL = re.compile(r"[!-~]{1,2048}")  # printable ASCII, no space
# IPv6 that carries an IPv4 address: NAT64, 6to4, Teredo.
_CARRIERS = [ip_network(each) for each in ("64:ff9b::/96", "2002::/16", "2001::/32")]
_HOW = "set another with `lamplighter notify --webhook URL`"


class Unresolved(Exception):
    """The host's name has no address at the moment."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A webhook's URL, taken apart. path: the secret."""

    host: str
    port: int
    path: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Raise Undelivered for what is no plain https URL; its text is not repeated."""
        try:
            parts = urlsplit(url) if _URL.fullmatch(url) else urlsplit("")
            port = parts.port or 443
        except ValueError:
            parts, port = urlsplit(""), 443
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise Undelivered(f"the webhook's URL does not read https://HOST/...: {_HOW}")
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.hostname, port, f"{parts.path or '/'}{query}")


def public_address(destination: Destination) -> str:
    """Return the address to connect to.

    Raises Undelivered where any of the host's addresses is not public, Unresolved where it has none
    now.
    """
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(f"{destination.host} has no address") from error
    addresses = [str(each[4][0]) for each in found]
    private = [each for each in addresses if not is_public(each)]
    if private:
        raise Undelivered(
            f"the webhook's host {destination.host} leads to {private[0]}, which is no public "
            f"address: {_HOW}"
        )
    return addresses[0]


def is_public(address: str) -> bool:
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    carried = any(ip in network for network in _CARRIERS)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or carried)
