"""The address that a request came from, with trusted proxies in front of the gateway."""

import ipaddress
import re
from collections.abc import Iterable, Mapping

from gateway.core.addresses import is_loopback

_ADDRESS = re.compile(rb"[0-9A-Fa-f.:]{2,45}")
_MOST_REMEMBERED = 4096

Peer = tuple[str, int] | None


class ClientAddresses:
    """Believes the X-Forwarded-For of trusted networks, and of no other peer."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self.trust(trusted)

    def trust(self, networks: Iterable[str]) -> None:
        """Trust these networks from now on, instead of those before."""
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._is_trusted: dict[str, bool] = {}  # of peers, because every request asks

    def of(self, peer: Peer, headers: Mapping[bytes, bytes]) -> str:
        """Return the client's address: the last one that a trusted proxy has added, else the peer.

        Earlier entries of X-Forwarded-For may be forged by the client.
        """
        address = peer[0] if peer else ""
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None or not self._trusts(address):
            return address
        last = forwarded.rpartition(b",")[2].strip()
        return last.decode() if _ADDRESS.fullmatch(last) else address

    def _trusts(self, address: str) -> bool:
        known = self._is_trusted.get(address)
        if known is None:
            if len(self._is_trusted) >= _MOST_REMEMBERED:
                self._is_trusted.clear()
            known = self._is_trusted[address] = self._look_up(address)
        return known

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def is_direct(peer: Peer, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the request comes from this machine itself, and through no proxy."""
    address = peer[0] if peer else ""
    forwarded = any(name == b"x-forwarded-for" for name, _ in headers)
    return not forwarded and is_loopback(address)
