"""What wakes a deployment is what its gateway answers by inference."""

from __future__ import annotations

from gateway.core import endpoints
from orchestrator.waking import requests


def test_the_waker_and_the_gateway_serve_the_same_paths() -> None:
    posted = {each.path for each in endpoints.ENDPOINTS.values() if each.method == "POST"}

    assert posted == requests.PATHS
    assert endpoints.MODELS == requests.MODELS
