"""How a state fails."""

from __future__ import annotations

from collections.abc import Sequence


class Failed(Exception):
    """error: the name that Retry and Catch match."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause

    def matches(self, names: Sequence[str]) -> bool:
        """Return whether an ErrorEquals list means this error, by Step Functions' rules."""
        if self.error in names:
            return True
        if "States.ALL" in names:
            return self.error not in {"States.Runtime", "States.DataLimitExceeded"}
        return "States.TaskFailed" in names and self.error != "States.Timeout"


class Unsupported(Exception):
    """A definition or the template uses what this simulation does not know, so cannot obey."""
