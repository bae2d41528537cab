"""Does the public DNS lead to the hosted zone? Asked of a public resolver over HTTPS.

https://developers.google.com/speed/public-dns/docs/doh/json
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.aws import hosted_zones
from orchestrator.aws.clients import Clients
from orchestrator.aws.internet import Unreachable
from orchestrator.errors import InvalidRequest
from orchestrator.preflight.check import Check, Result
from orchestrator.spec.deployment import Deployment

RESOLVER = "https://dns.google/resolve"
_NAME_SERVER = 2  # type NS


def checks(clients: Clients, deployment: Deployment) -> list[Check]:
    """A zone that nothing leads to serves records that no client finds, and no authority either."""
    if not deployment.dns.domain:
        return []
    name = "dns.domain delegation"
    try:
        zone = hosted_zones.zone(clients, deployment.dns)
    except InvalidRequest:
        return []  # specification.py reports it
    found = clients.route53.get_hosted_zone(Id=zone)
    domain = found["HostedZone"]["Name"].rstrip(".")
    ours = _plain(found.get("DelegationSet", {}).get("NameServers", []))
    try:
        public = _public(clients, domain)
    except Unreachable as error:
        remedy = f"compare `dig NS {domain}` with the zone's name servers: {', '.join(ours)}"
        return [Check(name, Result.UNKNOWN, str(error), remedy=remedy)]
    if set(public) & set(ours):
        return [Check(name, Result.PASS, f"{domain} leads to zone {zone}")]
    leads = f"leads to {', '.join(public)}" if public else "leads nowhere"
    needed = f"the name servers of zone {zone}: {', '.join(ours)}"
    remedy = f"set them as {domain}'s name servers at its registrar or in its parent zone"
    return [Check(name, Result.WARN, f"{domain} {leads}", needed, remedy)]


def _public(clients: Clients, domain: str) -> list[str]:
    answer = clients.fetch(f"{RESOLVER}?name={domain}&type=NS")
    try:
        records: list[dict[str, Any]] = json.loads(answer.body).get("Answer", [])
        return _plain([str(r["data"]) for r in records if r["type"] == _NAME_SERVER])
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Unreachable(f"the public resolver answers HTTP {answer.status}") from error


def _plain(names: list[str]) -> list[str]:
    return sorted(name.rstrip(".").lower() for name in names)
