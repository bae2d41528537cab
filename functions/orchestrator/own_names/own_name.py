"""The endpoint's own name wakes it: while nothing runs, its record leads to the waker.

That needs a certificate of the name at ACM and a domain name at API Gateway. Both are made once the
deployment serves, for one that sleeps by itself and has a name, and are kept until `down`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.aws import hosted_zones, naming
from orchestrator.aws.clients import Clients
from orchestrator.creation import once
from orchestrator.creation.ownership import owns
from orchestrator.creation.plan import Change, planned
from orchestrator.errors import Pending
from orchestrator.ledger.rows import ResourceRow
from orchestrator.ledger.store import Ledger
from orchestrator.own_names import certificates, domain_names
from orchestrator.own_names.certificates import Certificate
from orchestrator.spec.deployment import Deployment

ROLE = naming.WAKE_NAME


def plan(clients: Clients, deployment: Deployment, ledger: Ledger) -> list[Change]:
    """Return a line for each; ResourceConflict: the name is another one's at API Gateway."""
    host, row = deployment.wake_host, ledger.resource(ROLE)
    lines = []
    if row and row.id != host:
        what = f"API Gateway domain name {row.id} with its certificate"
        lines = [Change(ROLE, "change", what, "requests to this name wake nothing any more")]
    if host:
        certificate = certificates.find(clients, ledger, host)
        domain_name = domain_names.find(clients, ledger, host)
        lines += [
            planned(ROLE, f"ACM certificate of {host}", there=certificate is not None),
            planned(ROLE, f"API Gateway domain name {host}", there=domain_name is not None),
        ]
    return lines


def ensure(clients: Clients, deployment: Deployment, ledger: Ledger) -> dict[str, str | None]:
    """Return {"wake_name": host or None, "waits_for": what it waits for, or None}.

    Nothing waits for a certificate, which may take minutes: the sleep looks again. Pending: what
    takes seconds.
    """
    host, row = deployment.wake_host, ledger.resource(ROLE)
    if row and row.id != host:
        destroy(clients, ledger)
        row = None
    if not host:
        return {"wake_name": None, "waits_for": None}
    certificate = certificates.find(clients, ledger, host)
    if certificate is None:
        domain_names.find(clients, ledger, host)  # whose is it? Asked before one is requested
    if row is None or (certificate is None and row.state == "ready"):  # it was deleted since
        zone_id = hosted_zones.zone(clients, deployment.dns)
        row = once.intend(ledger, ROLE, id=host, zone=zone_id)
    certificate = certificate or certificates.request(clients, deployment, ledger, row)
    if why := _validated(clients, ledger, row, certificate):
        return {"wake_name": None, "waits_for": why}
    found = domain_names.ensure(clients, deployment, ledger, host, certificate.arn)
    if (row.state, row.facts.get("target")) != ("ready", found.target):
        ledger.ready(ROLE, target=found.target, target_zone=found.zone)
    return {"wake_name": host, "waits_for": None}


def destroy(clients: Clients, ledger: Ledger) -> None:
    """Delete them, whatever the ledger still knows; Pending while one may not be visible yet."""
    row = ledger.resource(ROLE)
    for host in _hosts(clients, ledger, row):
        domain_names.destroy(clients, ledger, host)
        zones = [row.facts["zone"]] if row else hosted_zones.zones(clients, host)
        certificates.destroy(clients, ledger, zones[0] if zones else None, host)
    if row and row.state == "intent" and ledger.is_young(row):
        raise Pending("a certificate may have been requested a moment ago, not visible yet")
    ledger.forget(ROLE)


def found(clients: Clients, ledger: Ledger) -> list[str]:
    """Return a line for everything that is there and ours."""
    lines = []
    for host in _hosts(clients, ledger, ledger.resource(ROLE)):
        if certificates.find(clients, ledger, host):
            lines.append(f"ACM certificate of {host}")
        if domain_names.deployment_of(clients, host) == ledger.name:
            lines.append(f"API Gateway domain name {host}")
    return lines


def _validated(
    clients: Clients, ledger: Ledger, row: ResourceRow, certificate: Certificate
) -> str | None:
    """Return what it waits for; a certificate that failed is given up, and requested by the next
    change or sleep.
    """
    if certificate.status == certificates.ISSUED:
        return None
    host, zone_id = str(row.id), row.facts["zone"]
    if not certificate.waits:
        why = f"its certificate is {certificate.status} {certificate.reason}".strip()
        ledger.note("wake", f"requests to {host} do not wake it: {why}")
        certificates.destroy(clients, ledger, zone_id, host)
        ledger.forget(ROLE)
        return why
    if certificate.record is None:
        raise Pending(f"ACM has not yet said how it validates {host}")
    certificates.validate(clients, zone_id, certificate)
    return "its certificate is not issued yet"


def _hosts(clients: Clients, ledger: Ledger, row: ResourceRow | None) -> list[str]:
    """Return the names that it may have: by the ledger, else by every tag of the account."""
    deployment = ledger.known_deployment()
    if row:
        return [str(row.id)]
    if spec := deployment.specification() if deployment else {}:
        return _of_specification(spec)
    owned = [*domain_names.owners(clients), *certificates.owners(clients)]
    return sorted({host for host, tags in owned if owns(ledger, tags, host)})


def _of_specification(spec: Mapping[str, Any]) -> list[str]:
    dns, sleep = spec.get("dns") or {}, spec.get("sleep") or {}
    if not dns.get("domain") or not sleep.get("after_idle_minutes"):
        return []
    return [f"{dns['subdomain']}.{dns['domain']}"]
