"""Looks at an endpoint end while there is time to act on what they saw."""

from __future__ import annotations

import dataclasses

import pytest
from orchestrator.errors import Pending
from orchestrator.hosts import probe, proof


@pytest.fixture
def tries(monkeypatch):
    """Says how long each of the tries in vain takes; they are listed."""
    made, now, takes = [], [0.0], [0.0]

    def ready(*_):
        made.append(now[0])
        now[0] += takes[0]
        raise Pending("no answer")

    monkeypatch.setattr(probe, "ready", ready)
    monkeypatch.setattr(proof.time, "monotonic", lambda: now[0])

    def taking(seconds):
        takes[0] = seconds
        return made

    return taking


@pytest.mark.parametrize(
    ("takes", "step_seconds", "expected"), [(0.1, 60, 8), (2, 60, 8), (6, 60, 4), (2, 6, 1)]
)
def test_a_machine_that_hangs_does_not_use_up_the_functions_time(
    complete, tries, takes, step_seconds, expected
):
    settings = dataclasses.replace(complete.clients.settings, step_seconds=step_seconds)
    row = dataclasses.replace(complete.ledger.deployment(), endpoint="https://192.0.2.1")
    made = tries(takes)

    assert not proof.answers(complete.ledger, row, settings, is_open=True)

    assert len(made) == expected
