"""Since when is a deployment not used? Decided from what its host last reported."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.ledger.rows import DeploymentRow, Desired, HostRow, Status

_STALE = timedelta(minutes=5)  # ten reports


def limit(row: DeploymentRow) -> timedelta | None:
    """Return after how long without a request it sleeps; None: never, or of another form."""
    section = row.specification().get("sleep")
    minutes = section.get("after_idle_minutes") if isinstance(section, dict) else None
    return timedelta(minutes=minutes) if isinstance(minutes, int | float) and minutes > 0 else None


def since(row: DeploymentRow, host: HostRow | None, now: datetime) -> datetime | None:
    """Return when the last request ended, or when it began to serve, whichever is later.

    None where requests run, or where it is not known: it does not serve, its last report is old,
    or its host is of a version that does not report what runs.
    """
    if row.desired != Desired.PRESENT or row.status != Status.SERVING or row.served_at is None:
        return None
    if host is None or host.phase != "serving" or host.running != 0:
        return None
    heard = _moment(host.phase_at)
    if heard is None or now - heard > _STALE:
        return None
    moments = [_moment(row.served_at), _moment(host.served_at), _last_request(host, heard)]
    return max(each for each in moments if each is not None)


def is_idle(row: DeploymentRow, host: HostRow | None, now: datetime) -> bool:
    """Return whether it is to sleep."""
    lasting, idle_since = limit(row), since(row, host, now)
    return lasting is not None and idle_since is not None and now - idle_since >= lasting


def _last_request(host: HostRow, heard: datetime) -> datetime | None:
    """Return it by our clock: how long before its report is known by the host's alone."""
    ended, reported = _moment(host.last_request_at), _moment(host.reported_at)
    if ended is None or reported is None:
        return None
    return heard - max(reported - ended, timedelta())


def _moment(at: str | None) -> datetime | None:
    return datetime.fromisoformat(at) if at else None
