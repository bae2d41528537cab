"""Where a model's config.json comes from: Hugging Face's hub, without a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from orchestrator.aws.internet import Document, Unreachable

_HUB = "https://huggingface.co"
_OK, _NOT_FOUND = 200, 404
_REFUSED = (401, 403)


class Withheld(Exception):
    """The hub shows the file only with a token: gated, private, or there is no model."""


def of(model: str, revision: str, fetch: Callable[[str], Document]) -> dict[str, Any]:
    """Return the config.json; raise Withheld, or Unreachable with the reason."""
    if model.startswith("/"):
        raise Unreachable(f"{model} is a path on the instance, which cannot be read from here")
    answer = fetch(f"{_HUB}/{model}/resolve/{revision}/config.json")
    if answer.status in _REFUSED:
        raise Withheld(f"the hub does not show {model} without a token (HTTP {answer.status})")
    if answer.status == _NOT_FOUND:
        raise Unreachable(f"{model} has no config.json at revision {revision!r}")
    if answer.status != _OK:
        raise Unreachable(f"the hub answers HTTP {answer.status}")
    try:
        config = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"the hub's config.json of {model} is not JSON") from error
    if not isinstance(config, dict):
        raise Unreachable(f"the hub's config.json of {model} is not a mapping")
    return config
