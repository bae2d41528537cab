"""What the gateway has counted of its callers' requests, and whether any runs.

Probes like ours are not among those that are counted.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus

from host.probes.answers import Answer, exchange
from host.probes.api_key import ApiKey
from host.probes.chain import Chain
from host.probes.check import Check, Verdict

_SECONDS = 2.0  # for a page of metrics
_SAMPLE = re.compile(
    r"^inference_gateway_(requests_total|last_request_timestamp_seconds)\{(.*)\} (\S+)$",
    re.MULTILINE,
)
_REFUSED = re.compile(r"^inference_gateway_settings_refused 1(\.0)?$", re.MULTILINE)
_RUNNING = re.compile(r"^inference_gateway_in_flight (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NO_INFERENCE = {"models", "version", "other", "probe"}  # operations
_BROKEN = range(200, 400)  # with an error: a stream that had begun
_ANNOUNCED = "host_draining"  # an error of the gateway that is no fault of this host
_REFUSES = {"draining", "stopping"}  # of a gateway: it takes no new request


@dataclass(frozen=True, slots=True)
class Activity:
    """Since the gateway started. request_errors_total: of the requests, those that a fault of this
    host ended (a status of 500 and above, a broken stream); last_request_at: ISO-8601 in UTC, when
    the last one ended; None for none yet. requests_running: those that have not ended, probes among
    them; None where the gateway does not say. settings_refused: whether it goes on with its last
    settings, since the new ones have a mistake.
    """

    requests_total: int
    request_errors_total: int
    last_request_at: str | None
    requests_running: int | None = None
    settings_refused: bool = False

    def fields(self) -> dict[str, int | str]:
        """Return what a report says of it; what is not known is left out."""
        counted: dict[str, int | str] = {
            "requests_total": self.requests_total,
            "request_errors_total": self.request_errors_total,
        }
        if self.last_request_at:
            counted["last_request_at"] = self.last_request_at
        if self.requests_running is not None:
            counted["requests_running"] = self.requests_running
        return counted


def look(chain: Chain, api_key: ApiKey) -> Activity | None:
    """Return what the gateway says; None without an answer in time, or without a key."""
    key = api_key.read()
    if not isinstance(key, str):
        return None
    found = exchange("GET", f"{chain.gateway}/metrics", seconds=_SECONDS, key=key)
    if not isinstance(found, Answer) or found.status != HTTPStatus.OK:
        return None
    return parse(found.body.decode("utf-8", errors="replace"))


def parse(page: str) -> Activity | None:
    """Read a page in Prometheus' text format; None for one that is not the gateway's."""
    if "inference_gateway_" not in page:
        return None
    requests, errors = 0, 0
    last = 0.0
    for name, text, value in _SAMPLE.findall(page):
        labels = dict(_LABEL.findall(text))
        if labels["operation"] in _NO_INFERENCE:
            continue
        if name == "requests_total":
            requests += int(float(value))
            errors += int(float(value)) if _is_fault(labels) else 0
        else:
            last = max(last, float(value))
    running = _RUNNING.search(page)
    return Activity(
        requests,
        errors,
        _iso(last) if last else None,
        int(float(running[1])) if running else None,
        bool(_REFUSED.search(page)),
    )


def is_over(chain: Chain, api_key: ApiKey) -> bool:
    """Return whether nothing runs and no new request is taken; a gateway that is dead runs none.

    Without a key the gateway does not say what runs.
    """
    key = api_key.read()
    shown = key if isinstance(key, str) else None
    found = exchange("GET", f"{chain.gateway}/health/ready", seconds=_SECONDS, key=shown)
    if isinstance(found, Check):
        return found.verdict is Verdict.DEAD
    said = found.json()
    return isinstance(said, dict) and said.get("status") in _REFUSES and said.get("in_flight") == 0


def _is_fault(labels: dict[str, str]) -> bool:
    if labels["error"] == _ANNOUNCED:
        return False
    status = int(labels["status"])
    in_stream = bool(labels["error"]) and status in _BROKEN
    return in_stream or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
