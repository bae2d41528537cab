"""A host has none, and botocore goes without it, which is also quicker."""

from __future__ import annotations

raise ImportError(f"No module named {__name__!r}")
