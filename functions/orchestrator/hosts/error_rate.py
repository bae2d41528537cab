"""Does the new host of a change fail more of its requests than the specification allows?

Judged by what its own reports have counted since traffic was led to it: requests that ended with a
fault of the host, a status of 500 and above or a broken stream. A refusal of a client's request
(4xx, 429) is none.
"""

from __future__ import annotations

from typing import Any

from orchestrator.ledger.rows import HostRow
from orchestrator.spec.deployment import Deployment

LEAST_REQUESTS = 20  # of fewer, one or two errors would be a large share


def before(host: HostRow) -> dict[str, Any]:
    """Return what its row keeps when traffic is led to it: what it had counted until then."""
    return {"requests_before": host.requests or 0, "errors_before": host.errors or 0}


def is_judged(host: HostRow) -> bool:
    """Return whether its requests are enough to be judged by, and any of them failed."""
    requests, errors = _since(host)
    return requests >= LEAST_REQUESTS and errors > 0


def exceeded(deployment: Deployment, host: HostRow) -> str | None:
    """Return a sentence with the figures where it fails too many requests; None: it does not.

    Without an engine every request for an answer gets 503, as it has to.
    """
    most = deployment.canary.max_error_percent
    if most is None or deployment.engine_kind == "none" or not is_judged(host):
        return None
    requests, errors = _since(host)
    percent = 100 * errors / requests
    if percent <= most:
        return None
    return (
        f"{host.instance_id} failed {errors} of {requests} requests ({percent:.0f} %) since traffic"
        f" was led to it; canary.max_error_percent is {most:g}"
    )


def _since(host: HostRow) -> tuple[int, int]:
    """Return its requests and errors since then; none where it is no host of a change.

    A gateway that was started again since then counts from zero.
    """
    if host.requests is None or host.requests_before is None:
        return 0, 0
    if host.requests < host.requests_before:
        return host.requests, host.errors or 0
    errors = (host.errors or 0) - (host.errors_before or 0)
    return host.requests - host.requests_before, max(errors, 0)
