"""What programs of this host report as wrong: the chain, nginx, the certificate, repairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from host.diagnose.values import at, fields, number, rows, spoken


def layers(facts: dict[str, Any]) -> Iterator[str]:
    verdict = at(facts, "verdicts", "verify.json")
    boot = at(facts, "boot", "boot_id")
    if verdict is None:
        if at(facts, "setup", "done"):
            yield "the chain has not been verified yet: inference-verify.service has not run"
    elif boot and at(verdict, "boot_id") != boot:
        yield "the verdict on the chain is from an earlier boot, or damaged: see verdicts"
    else:
        for layer, why in fields(at(verdict, "layers")).items():
            if why is not None:
                yield f"{layer} does not work: {spoken(why)}"


def nginx(facts: dict[str, Any]) -> Iterator[str]:
    if at(facts, "nginx", "ok") is False:
        yield f"nginx rejects its configuration: {spoken(at(facts, 'nginx', 'says'))}"


def certificate(facts: dict[str, Any]) -> Iterator[str]:
    """Yield its problem, unless a self-signed one was chosen."""
    if at(facts, "settings", "CERTIFICATE") == "self-signed":
        return
    if problem := at(facts, "verdicts", "certificate", "problem"):
        yield f"the certificate: {spoken(problem)}"


def repairs(facts: dict[str, Any]) -> Iterator[str]:
    if done := rows(at(facts, "verdicts", "repairs")):
        last = done[-1]
        when = f"{number(last.get('at')) or 0:.0f} s after the boot"
        repair = f"{last.get('part')} {when}: {spoken(last.get('why'))}"
        yield f"this host repaired itself {len(done)} times, most recently {repair}"
