"""The account in a file: moto's backends and the rules' own records, in one pickle.

They refer to each other, so that they are written and read together.
"""

from __future__ import annotations

import io
import pickle
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from awssim.account import Account

_LOCK = type(threading.RLock())


class Unreadable(Exception):
    """The file is damaged, or another version of moto wrote it."""


def write(path: Path, services: Iterable[str], account: Account) -> None:
    """Replace the file whole."""
    document = {
        "moto": version("moto"),
        "backends": {name: _regions(name) for name in services},
        "clock": account.clock,
        "layers": account.layers,
    }
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(_pickled(document))
    new.replace(path)


def read(path: Path, account: Account) -> None:
    """Put the saved backends in the place of moto's, and their rules into the account.

    Only a file of our own may be read: it lies in the twin's folder.
    """
    try:
        document = pickle.loads(path.read_bytes())  # noqa: S301 - see above
        known = document["moto"]
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, KeyError) as error:
        raise Unreadable(f"{path} cannot be read ({error!r})") from error
    if known != version("moto"):
        raise Unreadable(f"{path} was written with moto {known}, this is {version('moto')}")
    for name, backends in document["backends"].items():
        for (owner, region), backend in backends.items():
            get_backend(name)[owner][region] = backend
    account.clock, account.layers = document["clock"], document["layers"]


def _regions(service: Any) -> dict[tuple[str, str], Any]:
    return {
        (owner, region): backend
        for owner, regions in get_backend(service).items()
        for region, backend in regions.items()
    }


def _pickled(document: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(document)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Also writes what moto holds and pickle does not know: locks, keys and certificates."""

    def reducer_override(self, held: Any) -> Any:
        if isinstance(held, _LOCK):
            return threading.RLock, ()
        if isinstance(held, (RSAPrivateKey, EllipticCurvePrivateKey)):
            plain = NoEncryption()
            pem = held.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain)
            return _key, (pem,)
        if isinstance(held, x509.Certificate):
            return _certificate, (held.public_bytes(Encoding.PEM),)
        return NotImplemented


def _key(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _certificate(pem: bytes) -> Any:
    return x509.load_pem_x509_certificate(pem)
