"""What another specification means for a deployment that serves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.errors import DeploymentExists, InvalidRequest
from orchestrator.ledger.rows import DeploymentRow
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import Difference, How, differences
from orchestrator.spec.parsing import parse


@dataclass(frozen=True, slots=True)
class Change:
    """new_host: whether a new generation is launched beside the one that serves.

    replaces: whether the one that serves ends before that.
    gap_seconds: the longest time in which new requests are refused, gap: why, in a sentence.
    """

    differences: tuple[Difference, ...] = ()
    new_host: bool = False
    replaces: bool = False
    gap_seconds: int = 0
    gap: str = "no host is touched"

    def document(self) -> dict[str, Any]:
        return {
            "differences": [each.document() for each in self.differences],
            "new_host": self.new_host,
            "gap_seconds": self.gap_seconds,
            "gap": self.gap,
        }

    def with_boot(self, seconds: int, source: str) -> Change:
        """Return the change with the time that the new host's boot adds to its gap."""
        if not self.replaces:
            return self
        gap = f"{self.gap}, {seconds} s, {source}"
        return replace(self, gap_seconds=self.gap_seconds + seconds, gap=gap)

    def __str__(self) -> str:
        return ", ".join(each.key for each in self.differences) or "a new host"


def judged(row: DeploymentRow | None, wanted: Deployment, *, rotate: bool) -> Change | None:
    """Return what is to be changed; None where nothing is, or nothing serves yet.

    DeploymentExists: a difference is not made on what serves. InvalidRequest: nothing serves that
    could be rotated.
    """
    if row is None or not row.is_live:
        if rotate:
            raise InvalidRequest(
                f"rotate: {wanted.name!r} does not serve; `lamplighter up` provisions it"
            )
        return None
    serving = _document(row)
    found = differences(serving, wanted.document())
    if refused := [each for each in found if each.how is How.REFUSED]:
        listed = "; ".join(f"{each.key}: {each.why}" for each in refused)
        raise DeploymentExists(
            f"{wanted.name!r} serves with another specification, and this cannot be changed while "
            f"it does: {listed}"
        )
    new_host = rotate or any(each.how is How.NEW_GENERATION for each in found)
    if not found and not new_host:
        return None
    if not new_host:
        return Change(tuple(found))
    replaces = wanted.update.strategy == "replace"
    return Change(tuple(found), new_host, replaces, *_gap(serving, wanted))


def _document(row: DeploymentRow) -> dict[str, Any]:
    """Return the stored specification with today's defaults: an earlier version may lack keys."""
    document = row.specification()
    with suppress(InvalidRequest):
        return parse(document).document()
    return document


def _gap(serving: dict[str, Any], wanted: Deployment) -> tuple[int, str]:
    if wanted.host and wanted.update.strategy == "beside":
        return 0, "the name is led to the new host while the old one serves"
    seconds = (serving.get("gateway") or {}).get("max_timeout_seconds", 0)
    longest = int(seconds or wanted.gateway.max_timeout_seconds)
    if wanted.update.strategy == "replace":
        return longest, (
            f"update.strategy is replace: the old host ends the requests that run, {longest} s at "
            "most, and itself; then the new one boots"
        )
    return longest, (
        "without a domain the old host first ends the requests that run, "
        f"{longest} s at most, then its address moves; new ones get 503 meanwhile"
    )
