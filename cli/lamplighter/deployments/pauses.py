"""Whether a deployment's repairs are paused at this moment."""

from __future__ import annotations

from datetime import datetime

from lamplighter.aws.rows import Deployment


def is_paused(found: Deployment, now: datetime) -> bool:
    """Return whether nothing is repaired now; a pause ends by itself at its time."""
    if not found.paused_at:
        return False
    return not found.paused_until or datetime.fromisoformat(found.paused_until) > now
