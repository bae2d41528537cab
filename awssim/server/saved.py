"""The account in a file, for the next start of the server."""

from __future__ import annotations

import pickle
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from awssim.account import Account

_HEAD = b"awssim, moto "


class Unreadable(Exception):
    """The file is damaged, or another version of moto wrote it."""


def write(path: Path, account: Account) -> None:
    """Replace the file whole."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(_HEAD + version("moto").encode() + b"\n" + account.snapshot())
    new.replace(path)


def read(path: Path, account: Account) -> None:
    """Restore the account.

    Only a file of our own may be read: it lies in the twin's folder.
    """
    head, _, snapshot = path.read_bytes().partition(b"\n")
    if not head.startswith(_HEAD):
        raise Unreadable(f"{path} cannot be read (it is no state of awssim)")
    known = head.removeprefix(_HEAD).decode()
    if known != version("moto"):
        raise Unreadable(f"{path} was written with moto {known}, this is {version('moto')}")
    try:
        account.restore(snapshot)
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, KeyError) as error:
        raise Unreadable(f"{path} cannot be read ({error!r})") from error
