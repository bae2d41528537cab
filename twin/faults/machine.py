"""Faults of a host: its programs, its hardware, its clock."""

from __future__ import annotations

from collections.abc import Callable

from twin.faults.target import Target


def kill(part: str) -> Callable[[Target], None]:
    """Systemd starts it again."""
    return lambda target: target.order("kill", part)


def condition(name: str) -> Callable[[Target], None]:
    """See twin/hosts/machine.py."""
    return lambda target: target.order("condition", name)


def stop_agent(target: Target) -> None:
    target.order("stop", "agent")


def wedge(target: Target) -> None:
    target.order("wedge")


def bad_model(target: Target) -> None:
    target.order("bad-model", "" if target.seconds is None else str(target.seconds))
