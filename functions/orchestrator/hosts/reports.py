"""A host's report about itself, an event on our own bus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from orchestrator.aws import naming
from orchestrator.errors import InvalidRequest

SHARED_SOURCE = "lamplighter.host"  # of all hosts of the previous version
PHASES = (
    *("booting", "drivers", "images", "weights", "loading", "serving", "unhealthy", "failed"),
    *("draining", "drained"),
)
_MAX_CAUSE = 1_000  # characters of a host's cause, and of each warning, that we keep
_MAX_WARNINGS = 10
_COUNTS = ("requests_total", "request_errors_total", "requests_running", "report_seconds")
_RELEASE = r"[0-9A-Za-z.+-]{1,40}"
_BLAMES = {"hardware", "configuration"}


@dataclass(frozen=True, slots=True)
class Report:
    """percent: 0 to 100 of the phase, or None; sent_at: UTC, ISO.

    warnings: sentences with their remedies, about a host that may serve nevertheless.
    is_shared: it came under the source that all hosts of the previous version have. requests,
    errors: what its gateway has counted, running: requests now, last_request_at: when the last one
    ended, UTC, ISO, by the host's clock. report_seconds: in how long the next report follows.
    blame: of a host that failed, hardware or configuration. release: of the scripts that it runs;
    None: of a release that did not say so.
    """

    deployment: str
    instance_id: str
    phase: str
    percent: float | None
    cause: str | None
    sent_at: str | None = None
    warnings: tuple[str, ...] = ()
    is_shared: bool = False
    requests: int | None = None
    errors: int | None = None
    running: int | None = None
    last_request_at: str | None = None
    report_seconds: int | None = None
    blame: str | None = None
    release: str | None = None

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Raise InvalidRequest for what is no host report, or comes from another deployment.

        EventBridge takes a source only from a role that may use it: it proves who reports.
        """
        detail = event.get("detail") if isinstance(event, dict) else None
        if not isinstance(detail, dict):
            raise InvalidRequest("detail: missing; a host report has one")
        for key in ("deployment", "instance_id", "phase"):
            if not isinstance(detail.get(key), str) or not detail[key]:
                raise InvalidRequest(f"detail.{key}: missing or not a string")
        source, own = event.get("source"), naming.event_source(detail["deployment"])
        if source not in (own, SHARED_SOURCE):
            raise InvalidRequest(
                f"source: {source!r} may not report about {detail['deployment']!r}; {own!r} may"
            )
        if detail["phase"] not in PHASES:
            raise InvalidRequest(f"detail.phase: {detail['phase']!r}; allowed: {', '.join(PHASES)}")
        percent, cause = detail.get("percent"), detail.get("cause")
        if percent is not None and (
            isinstance(percent, bool) or not isinstance(percent, int | float)
        ):
            raise InvalidRequest(f"detail.percent: {percent!r} is no number")
        text = None if cause is None else str(cause)[:_MAX_CAUSE]
        sent, last = (_utc(detail, key) for key in ("sent_at", "last_request_at"))
        who = (detail["deployment"], detail["instance_id"], detail["phase"])
        warnings = _warnings(detail.get("warnings", []))
        requests, errors, running, report_seconds = (_number(detail, key) for key in _COUNTS)
        blame = detail.get("blame")
        return cls(
            *who,
            percent,
            text,
            sent,
            warnings,
            is_shared=source == SHARED_SOURCE,
            requests=requests,
            errors=errors,
            running=running,
            last_request_at=last,
            report_seconds=report_seconds,
            blame=blame if blame in _BLAMES else None,
            release=_release(detail.get("release")),
        )


def _number(detail: dict[str, Any], key: str) -> int | None:
    value = detail.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidRequest(f"detail.{key}: {str(value)[:100]!r} is no count")
    return value


def _release(sent: Any) -> str | None:
    return sent if isinstance(sent, str) and re.fullmatch(_RELEASE, sent) else None


def _warnings(sent: Any) -> tuple[str, ...]:
    if not isinstance(sent, list):
        raise InvalidRequest(f"detail.warnings: {str(sent)[:100]!r} is no list")
    return tuple(" ".join(str(each).split())[:_MAX_CAUSE] for each in sent[:_MAX_WARNINGS])


def _utc(detail: dict[str, Any], key: str) -> str | None:
    """Return an ISO-8601 time as the ledger writes times, so that two of them compare as text."""
    if key not in detail:
        return None
    time = detail[key]
    try:
        return datetime.fromisoformat(time).astimezone(UTC).isoformat(timespec="microseconds")
    except (TypeError, ValueError):
        raise InvalidRequest(f"detail.{key}: {str(time)[:100]!r} is no ISO-8601 time") from None
