"""Read what setup.sh writes: one JSON line {"phase", "percent", "cause"}, replaced whole."""

from __future__ import annotations

import json
from pathlib import Path

from host.agent.phases import State
from host.machine.masking import masked


def read(path: Path) -> State | None:
    """Return the set-up's phase; None when it is done, or there is none: a reboot empties /run."""
    try:
        line = json.loads(path.read_text())
        phase, percent, cause = line["phase"], line["percent"], line["cause"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        return State("booting", cause=f"{path} cannot be read: {error}")
    if phase == "done":
        return None
    if phase == "failed":
        return State("failed", cause=masked(cause or ""))
    return State(phase, percent, cause)
