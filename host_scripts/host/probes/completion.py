"""Ask for one token, as a client of the chain would."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from host.probes.answers import Answer, exchange, expect_ok
from host.probes.check import Check, Verdict


def ask_chat(origin: str, model: str, *, seconds: float, key: str | None = None) -> Answer | Check:
    messages = [{"role": "user", "content": "Say yes."}]
    return _post(origin, "chat/completions", model, {"messages": messages}, seconds, key)


def completes(origin: str, model: str, *, seconds: float, key: str | None = None) -> Check | None:
    """Return None when a token came, else what its absence means.

    A model without a chat template refuses a chat with 400, and is asked to complete a text.
    """
    url = f"{origin}/v1/chat/completions"
    found = ask_chat(origin, model, seconds=seconds, key=key)
    if isinstance(found, Answer) and found.status == HTTPStatus.BAD_REQUEST:
        url = f"{origin}/v1/completions"
        found = _post(origin, "completions", model, {"prompt": "Yes"}, seconds, key)
    if problem := expect_ok(url, found):
        return problem
    completion = found.json() if isinstance(found, Answer) else None
    if isinstance(completion, dict) and completion.get("choices"):
        return None
    return Check(Verdict.UNSURE, f"{url} answered without a choice")


def _post(
    origin: str, path: str, model: str, prompt: dict[str, Any], seconds: float, key: str | None
) -> Answer | Check:
    body = {"model": model, "max_tokens": 1, **prompt}
    return exchange("POST", f"{origin}/v1/{path}", seconds=seconds, key=key, body=body)
