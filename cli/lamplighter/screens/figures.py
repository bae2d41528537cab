"""Durations, money and shares of a budget, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from lamplighter.screens.screen import plain

_MINUTE, _HOUR = 60, 3600
_IN_SECONDS_BELOW, _IN_MINUTES_BELOW = 10 * _MINUTE, 2 * _HOUR
_NEAR, _WHOLE = 80, 100  # per cent of a budget


def lasting(seconds: float | None) -> str:
    """Return e.g. `362 s`, `25 min`, `5 h 3 min`; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < _IN_SECONDS_BELOW:
        return f"{seconds:.0f} s"
    if seconds < _IN_MINUTES_BELOW:
        return f"{seconds / _MINUTE:.0f} min"
    hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def dollars(usd: float) -> str:
    """Return e.g. `$1,234.50`; `$500` where there are no cents."""
    return f"${usd:,.0f}" if usd == round(usd) and usd else f"${usd:,.2f}"


def month(cost: Mapping[str, Any], budget: Mapping[str, Any] | None) -> Text:
    """Return what the month has cost, beside its budget; empty before a first launch."""
    if cost["since"] is None:
        return plain("")
    so_far = f"{_at_least(cost)}${cost['month_usd']:,.2f}"
    if budget is None:
        return plain(so_far)
    return plain(f"{so_far} of {dollars(budget['monthly_usd'])}", _style(budget["used_percent"]))


def spent(cost: Mapping[str, Any]) -> str:
    """Return the figures in a sentence; empty before a first launch."""
    if cost["since"] is None:
        return ""
    return (
        f"{_at_least(cost)}${cost['month_usd']:,.2f} this month, ${cost['total_usd']:,.2f} since "
        f"{cost['since'][:10]}, ${cost['hour_usd']:,.2f} an hour now"
    )


def used(budget: Mapping[str, Any] | None) -> Text:
    """Return the budget and how much of it is used; empty without one."""
    if budget is None:
        return plain("")
    share = budget["used_percent"]
    return plain(f"{dollars(budget['monthly_usd'])} a month, {share} % used", _style(share))


def _at_least(cost: Mapping[str, Any]) -> str:
    """Return a word where a host's price is not known; the last one is never counted."""
    return "at least " if len(cost["not_counted"]) > 1 else ""


def _style(percent: int) -> str:
    return "red" if percent >= _WHOLE else "yellow" if percent >= _NEAR else ""
