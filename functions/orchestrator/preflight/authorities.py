"""May Amazon issue the certificate by which the endpoint's own name wakes it?

CAA records say so: those of the closest name above that has any, asked of a public resolver.
https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from orchestrator.aws.clients import Clients
from orchestrator.aws.internet import Unreachable
from orchestrator.preflight.check import Check, Result
from orchestrator.preflight.delegation import RESOLVER
from orchestrator.spec.deployment import Deployment

AMAZON = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
_NAME = "sleep.by_name authorities"
_CAA = 257  # the type of such records
_ISSUE = re.compile(r'\d+ issue "?([^";]*)', re.IGNORECASE)


def checks(clients: Clients, deployment: Deployment) -> list[Check]:
    """Return one check for a deployment whose own name wakes it."""
    host = deployment.wake_host
    if not host:
        return []
    labels = host.split(".")
    for start in range(len(labels) - 1):
        name = ".".join(labels[start:])
        try:
            issuers = _issuers(clients, name)
        except Unreachable as error:
            remedy = f'`dig CAA {name}` shows whether "amazon.com" may issue certificates'
            return [Check(_NAME, Result.UNKNOWN, str(error), remedy=remedy)]
        if issuers is not None:
            return [_judged(name, issuers)]
    return [Check(_NAME, Result.PASS, f"no CAA record above {host} limits who may issue")]


def _judged(name: str, issuers: list[str]) -> Check:
    found = f"the CAA records of {name} admit {', '.join(filter(None, issuers)) or 'no authority'}"
    if set(AMAZON) & set(issuers):
        return Check(_NAME, Result.PASS, found)
    remedy = f'add the CAA record `0 issue "{AMAZON[0]}"` to {name}, or set sleep.by_name to false'
    return Check(_NAME, Result.FAIL, found, AMAZON[0], remedy)


def _issuers(clients: Clients, name: str) -> list[str] | None:
    """Return the authorities that may issue; None: its records limit nothing, or there are none."""
    answer = clients.fetch(f"{RESOLVER}?name={name}&type=CAA")
    try:
        records: list[dict[str, Any]] = json.loads(answer.body).get("Answer", [])
        texts = [str(each["data"]) for each in records if each["type"] == _CAA]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Unreachable(f"the public resolver answers HTTP {answer.status}") from error
    if not texts:
        return None
    issuers = [found[1].strip().lower() for text in texts if (found := _ISSUE.match(text))]
    return issuers or list(AMAZON)
