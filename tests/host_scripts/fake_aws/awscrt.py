"""A host has none, and botocore goes without it: that is also three times as quick to import."""

from __future__ import annotations

raise ImportError(f"No module named {__name__!r}")
