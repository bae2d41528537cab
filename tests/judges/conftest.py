"""Checks that rest on someone else's knowledge of AWS, run by `make check`.

Each module is one judge. It names its source, and it has a test that feeds it a known defect, so
that a judge cannot quietly come to accept everything.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each judge cost, in seconds."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and "judge" in report.keywords:
                judge = Path(report.location[0]).stem.removeprefix("test_")
                seconds[judge] += report.duration
    if not seconds:
        return
    costs = ", ".join(f"{judge} {spent:.1f}" for judge, spent in sorted(seconds.items()))
    terminalreporter.write_line(f"judges, seconds: {costs}")
