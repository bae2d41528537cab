"""Does this host serve? Layers are probed in order, up to the first that does not answer."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from host.probes.answers import Answer, exchange, expect_ok
from host.probes.api_key import ApiKey
from host.probes.chain import Chain
from host.probes.check import Check, Verdict
from host.probes.completion import completes

QUICK = 5.0  # seconds for an answer that needs no inference
COMPLETION = 20.0  # seconds for one token; less than the orchestrator waits for a report


def look(chain: Chain, api_key: ApiKey, *, with_completion: bool) -> Check:
    """Return WORKS when every layer answers; with_completion: also ask for one token."""
    return (
        _engine(chain)
        or _nginx(chain)
        or _gateway(chain, api_key, with_completion=with_completion)
        or Check(Verdict.WORKS)
    )


def _engine(chain: Chain) -> Check | None:
    """A closed port needs no restart: the engine is loading, or systemd is starting it again."""
    if not chain.engine:
        return None
    url = f"{chain.engine}/health"
    found = exchange("GET", url, seconds=QUICK)
    if isinstance(found, Check) and found.verdict is Verdict.DEAD:
        return replace(found, why=f"the engine does not answer ({found.why})")
    return _mended_by("engine" if isinstance(found, Answer) else None, expect_ok(url, found))


def _nginx(chain: Chain) -> Check | None:
    """An answer that is an error comes from nginx, and is about the gateway behind it."""
    if not chain.nginx:
        return None
    url = f"{chain.nginx}/health/live"
    found = exchange("GET", url, seconds=QUICK)
    part = "gateway" if isinstance(found, Answer) else "nginx"
    return _mended_by(part, expect_ok(url, found))


def _gateway(chain: Chain, api_key: ApiKey, *, with_completion: bool) -> Check | None:
    if not chain.engine:
        url = f"{chain.gateway}/health"  # a host that drains is well, and not ready
        return _mended_by("gateway", expect_ok(url, exchange("GET", url, seconds=QUICK)))
    key = api_key.read()
    if isinstance(key, Check):
        return key
    problem = _lists_model(chain, key, api_key)
    if problem is None and with_completion:
        return completes(chain.gateway, chain.model, seconds=COMPLETION, key=key)
    return _mended_by("gateway", problem)


def _mended_by(part: str | None, problem: Check | None) -> Check | None:
    dead = problem is not None and problem.verdict is Verdict.DEAD
    return replace(problem, mends=part) if problem and dead else problem


def _lists_model(chain: Chain, key: str, api_key: ApiKey) -> Check | None:
    url = f"{chain.gateway}/v1/models"
    found = exchange("GET", url, seconds=QUICK, key=key)
    if isinstance(found, Answer) and found.status == HTTPStatus.UNAUTHORIZED:
        api_key.forget()  # it was rotated
    if problem := expect_ok(url, found):
        return problem
    listing = found.json() if isinstance(found, Answer) else None
    if chain.model in _ids(listing):
        return None
    return Check(Verdict.UNSURE, f"{url} does not list {chain.model}")


def _ids(listing: object) -> list[object]:
    models = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(models, list):
        return []
    return [model.get("id") for model in models if isinstance(model, dict)]
