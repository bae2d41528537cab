"""deployment.env: one KEY=value a line."""

from __future__ import annotations


def parse(text: str) -> dict[str, str]:
    """Read KEY=value lines as they stand: no quoting, no expansion; `#` starts a comment line."""
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in (line.partition("=") for line in lines)}
