"""Network addresses."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether an address or a host name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
