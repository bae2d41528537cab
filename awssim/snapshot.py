"""An account's state as bytes: moto's backends, the rules' own records and the time, in one pickle.

They refer to each other, so that they are written and read together. The clock itself stays where
it is: everything that holds it goes on with it.
"""

from __future__ import annotations

import importlib
import io
import marshal
import pickle
import threading
from collections import defaultdict
from types import FunctionType
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
from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awssim.clock import Clock

_LOCK = type(threading.RLock())
_CLOCK = "clock"


def take(clock: Clock, records: dict[str, Any]) -> bytes:
    """Return the whole state; `records` is what the rules keep beside moto."""
    state = {
        "backends": list(_backends()),
        "buckets": s3_backends.bucket_accounts,
        "seconds": clock.seconds,
        "records": records,
    }
    buffer = io.BytesIO()
    _Pickler(buffer, clock).dump(state)
    return buffer.getvalue()


def restore(snapshot: bytes, clock: Clock) -> dict[str, Any]:
    """Put moto and the clock back to the time of the snapshot; return the records.

    Only a snapshot of our own may be read: a pickle can hold any code.
    """
    BackendDict.reset()  # first: it closes every file that moto has for S3
    state = _Unpickler(io.BytesIO(snapshot), clock).load()
    for service, owner, region, backend in state["backends"]:
        get_backend(service)[owner][region] = backend
    s3_backends.bucket_accounts = state["buckets"]
    clock.set(state["seconds"])
    records: dict[str, Any] = state["records"]
    return records


def _backends() -> Iterator[tuple[str, str, str, Any]]:
    """Moto lists the services that were used since its last reset."""
    for service in BackendDict._instances:  # noqa: SLF001
        for owner, region, backend in service.iter_backends():
            yield service.service_name, owner, region, backend


class _Pickler(pickle.Pickler):
    """Also writes what moto holds and pickle does not know: locks, keys, certificates, lambdas."""

    def __init__(self, file: io.BytesIO, clock: Clock) -> None:
        super().__init__(file)
        self._clock = clock

    def persistent_id(self, held: Any) -> str | None:
        return _CLOCK if held is self._clock else None

    def reducer_override(self, held: Any) -> Any:
        if isinstance(held, _LOCK):
            return threading.RLock, ()
        if isinstance(held, (RSAPrivateKey, EllipticCurvePrivateKey)):
            plain = NoEncryption()
            pem = held.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain)
            return _key, (pem,)
        if isinstance(held, x509.Certificate):
            return _certificate, (held.public_bytes(Encoding.PEM),)
        if isinstance(held, FunctionType) and "<locals>" in held.__qualname__:
            return _local_function, (held.__module__, marshal.dumps(held.__code__))
        if isinstance(held, defaultdict) and type(held) is not defaultdict:
            made = type(held), held.default_factory
            return _dictionary, made, vars(held), None, iter(held.items())
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, clock: Clock) -> None:
        super().__init__(file)
        self._clock = clock

    def persistent_load(self, _identifier: str) -> Clock:
        return self._clock


def _key(pem: bytes) -> Any:
    """To check again that the key is sound would take longer than all the rest of a snapshot."""
    return load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)


def _certificate(pem: bytes) -> Any:
    return x509.load_pem_x509_certificate(pem)


def _local_function(module: str, code: bytes) -> Any:
    """A lambda without variables of its surroundings: moto's defaultdicts have such."""
    return FunctionType(marshal.loads(code), vars(importlib.import_module(module)))  # noqa: S302


def _dictionary(kind: type[defaultdict[Any, Any]], factory: Any) -> defaultdict[Any, Any]:
    """Moto's own kinds ask their constructor for more than a factory."""
    made = kind.__new__(kind)
    made.default_factory = factory
    return made
