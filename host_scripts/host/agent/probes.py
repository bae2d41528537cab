"""Does this host serve? Asked layer by layer; the first layer that does not ends the look."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from host.probes.answers import Answer, exchange, expect_ok
from host.probes.check import Check, Verdict

if TYPE_CHECKING:
    from host.agent.settings import Settings
    from host.probes.api_key import ApiKey

QUICK = 5.0  # seconds for an answer that needs no thinking
COMPLETION = 20.0  # seconds for one token; under the orchestrator's patience for a report


def look(settings: Settings, api_key: ApiKey, *, with_completion: bool) -> Check:
    """Return WORKS when every layer answers; a token is only bought when asked for."""
    return (
        _engine(settings)
        or _front(settings)
        or _gateway(settings, api_key, with_completion=with_completion)
        or Check(Verdict.WORKS)
    )


def _engine(settings: Settings) -> Check | None:
    """Nobody behind its port is no matter for a restart: it loads, or systemd starts it again."""
    if not settings.engine_url:
        return None
    url = f"{settings.engine_url}/health"
    found = exchange("GET", url, seconds=QUICK)
    if isinstance(found, Check) and found.verdict is Verdict.DEAD:
        return replace(found, why=f"the engine does not answer ({found.why})")
    return _mended_by("engine" if isinstance(found, Answer) else None, expect_ok(url, found))


def _front(settings: Settings) -> Check | None:
    """An answer that is an error is nginx' word on the gateway behind it."""
    if not settings.front_url:
        return None
    url = f"{settings.front_url}/health/live"
    found = exchange("GET", url, seconds=QUICK)
    part = "gateway" if isinstance(found, Answer) else "nginx"
    return _mended_by(part, expect_ok(url, found))


def _gateway(settings: Settings, api_key: ApiKey, *, with_completion: bool) -> Check | None:
    if not settings.engine_url:
        url = f"{settings.gateway_url}/health/ready"
        return _mended_by("gateway", expect_ok(url, exchange("GET", url, seconds=QUICK)))
    key = api_key.read()
    if isinstance(key, Check):
        return key
    problem = _lists_model(settings, key, api_key)
    if problem is None and with_completion:
        return _completes(settings, key)
    return _mended_by("gateway", problem)


def _mended_by(part: str | None, problem: Check | None) -> Check | None:
    dead = problem is not None and problem.verdict is Verdict.DEAD
    return replace(problem, mends=part) if problem and dead else problem


def _lists_model(settings: Settings, key: str, api_key: ApiKey) -> Check | None:
    url = f"{settings.gateway_url}/v1/models"
    found = exchange("GET", url, seconds=QUICK, key=key)
    if isinstance(found, Answer) and found.status == HTTPStatus.UNAUTHORIZED:
        api_key.forget()  # it was rotated
    if problem := expect_ok(url, found):
        return problem
    listing = found.json() if isinstance(found, Answer) else None
    if settings.model in _ids(listing):
        return None
    return Check(Verdict.UNSURE, f"{url} does not list {settings.model}")


def _ids(listing: object) -> list[object]:
    models = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(models, list):
        return []
    return [model.get("id") for model in models if isinstance(model, dict)]


def _completes(settings: Settings, key: str) -> Check | None:
    """Ask as a chat; a model without a chat template refuses that with 400 and is asked plainly."""
    asked = {"model": settings.model, "max_tokens": 1}
    chat = {**asked, "messages": [{"role": "user", "content": "Say yes."}]}
    url = f"{settings.gateway_url}/v1/chat/completions"
    found = exchange("POST", url, seconds=COMPLETION, key=key, body=chat)
    if isinstance(found, Answer) and found.status == HTTPStatus.BAD_REQUEST:
        url = f"{settings.gateway_url}/v1/completions"
        found = exchange("POST", url, seconds=COMPLETION, key=key, body={**asked, "prompt": "Yes"})
    if problem := expect_ok(url, found):
        return problem
    completion = found.json() if isinstance(found, Answer) else None
    if isinstance(completion, dict) and completion.get("choices"):
        return None
    return Check(Verdict.UNSURE, f"{url} answered without a choice")
