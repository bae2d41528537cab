"""A certificate chain and its key: parsed, created and inspected, all by openssl.

A key is passed to openssl through a pipe: never as an argument, in the environment or in a file.
"""

from __future__ import annotations

import functools
import re
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from host.certificate.errors import Unusable

DAY = 86_400.0
_SECONDS = 30  # for one openssl
_LARGEST = 65_536  # characters: eight times what an SSM parameter holds
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n?")
_NAME = re.compile(r"DNS:([A-Za-z0-9.*_-]+)")
_END = re.compile(r"^notAfter=(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """not_after: seconds since the epoch; the leaf is first in the chain."""

    chain: str
    key: str = field(repr=False)
    names: tuple[str, ...]
    not_after: float

    def covers(self, host: str) -> bool:
        return host in self.names or f"*.{host.partition('.')[2]}" in self.names

    def days_left(self, now: float) -> float:
        return (self.not_after - now) / DAY


@functools.lru_cache(maxsize=8)  # one run looks at the same pair several times
def parse(text: str) -> Pair:
    """Read PEM text that holds a chain and its key; what is neither is left out. Raise Unusable."""
    text = text.replace("\r\n", "\n")
    if len(text) > _LARGEST:
        raise Unusable("it is larger than any certificate")
    blocks = [(found[1], found[0].rstrip("\n") + "\n") for found in _BLOCK.finditer(text)]
    chain = "".join(block for kind, block in blocks if kind == "CERTIFICATE")
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    if not chain or len(keys) != 1:
        raise Unusable("it does not hold one key and a certificate, both as PEM")
    shown = ("-pubkey", "-enddate", "-ext", "subjectAltName")
    leaf = _openssl("x509", "-noout", *shown, given=chain)
    if _openssl("pkey", "-pubout", "-passin", "pass:", given=keys[0]) not in leaf:
        raise Unusable("the key is not that of the first certificate")
    [end] = _END.findall(leaf)
    return Pair(chain, keys[0], tuple(_NAME.findall(leaf)), float(ssl.cert_time_to_seconds(end)))


def new_key() -> str:
    return _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def self_signed(host: str) -> Pair:
    """Create a self-signed pair for the host; for ten years, since nothing renews it."""
    key = new_key()
    subject = ["-subj", "/CN=lamplighter", "-addext", f"subjectAltName=DNS:{host or 'localhost'}"]
    given = ["req", "-x509", "-new", "-key", "/dev/stdin", "-days", "3650", *subject]
    return parse(key + _openssl(*given, given=key))


def request(key: str, host: str, path: Path) -> None:
    """Write a certificate signing request for the host."""
    subject = ["-subj", "/", "-addext", f"subjectAltName=DNS:{host}"]
    path.write_text(_openssl("req", "-new", "-key", "/dev/stdin", *subject, given=key))


def _openssl(*arguments: str, given: str = "") -> str:
    """Return what it prints; its errors may repeat its input, so they are dropped."""
    done = subprocess.run(  # noqa: S603 - our own arguments; a name is one word of its own
        ["openssl", *arguments],  # noqa: S607 - from the unit's PATH
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise Unusable(f"openssl {arguments[0]} cannot read it")
    return done.stdout
