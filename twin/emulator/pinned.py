"""Guards of the fixes: ministack's private names may change with any version."""

from __future__ import annotations


class MinistackChanged(RuntimeError):
    """ministack is not the version that a fix was written for."""


def require(*, holds: bool, fix: str) -> None:
    """Raise MinistackChanged unless what the fix relies on is still so."""
    if not holds:
        raise MinistackChanged(f"ministack changed: review fix {fix!r} in twin.emulator")


def replaced(text: str, old: str, new: str, *, fix: str) -> str:
    """`text` with its only occurrence of `old` replaced."""
    require(holds=text.count(old) == 1, fix=fix)
    return text.replace(old, new)
