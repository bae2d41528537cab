"""Each change that is played, and the step at which it is made to fail."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from patience import eventually
from twinlab import Installation

from changes.client import Asked, Client

NAMED = {"name": "named", "model": "m", "dns": {"domain": "demo.test", "ttl_seconds": 5}}
BARE = {"name": "bare", "model": "m"}
_LIMITS = {"default_timeout_seconds": 60, "max_timeout_seconds": 60}
_SECONDS = 400.0
# One that nothing answers so.
_IMPOSSIBLE = {"prompts": [{"prompt": "What is 2 + 2?", "contains": "no model says this"}]}


@dataclass(frozen=True, slots=True)
class Scenario:
    """spec: what serves before. make: starts the change. refused: an AWS call that fails from then
    on. kills: the new host is terminated while the old one drains. fails: the change's error.
    """

    name: str
    spec: dict[str, Any]
    change: dict[str, Any]
    refused: str = ""
    kills: bool = False
    fails: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        return "dns" in self.spec


def _changed(name: str, **how: Any) -> list[Scenario]:
    return [Scenario(name, spec, how) for spec in (NAMED, BARE)]


SCENARIOS: Sequence[Scenario] = (
    *_changed("another model", model="other"),
    *_changed("another engine", engine={"arguments": ["--max-num-seqs", "32"]}),
    *_changed("rotation", rotate=True),
    *_changed("rollback", rollback=True),
    Scenario("fails at its launch", NAMED, {"model": "other"}, "ec2.RunInstances", False,
             ("Refused",)),
    Scenario("fails at its canary", NAMED, {"model": "other", "canary": _IMPOSSIBLE},
             fails=("CanaryFailed",)),
    Scenario("fails at its address", NAMED, {"model": "other"}, "ec2.AssociateAddress", False,
             ("Refused",)),
    Scenario("fails at its record", NAMED, {"model": "other"}, "route53.ChangeResourceRecordSets",
             False, ("Refused",)),
    Scenario("its host dies while the old one drains", NAMED, {"model": "other"}, kills=True,
             fails=("HostLost", "Refused")),
    Scenario("fails at its launch", BARE, {"model": "other"}, "ec2.RunInstances", False,
             ("Refused",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """began, ended: of the change's workflow, in the client's seconds. error: that it ended with.

    problems: what was not as it has to be.
    """

    name: str
    is_named: bool
    asked: list[Asked]
    began: float
    ended: float
    error: str
    problems: tuple[str, ...] = ()

    @property
    def refused(self) -> list[Asked]:
        return [each for each in self.asked if each.status != 200]

    @property
    def cut(self) -> list[Asked]:
        return [each for each in self.asked if each.status == 200 and not each.is_whole]

    @property
    def gap(self) -> float:
        """Seconds from the first request that was not answered to the last one."""
        found = self.refused
        return found[-1].at - found[0].at if found else 0.0


def play(aws: Installation, scenario: Scenario, longest: int) -> Outcome:
    """Provision, ask for as long as a stream takes, change, and ask as long again."""
    spec = {**scenario.spec, "gateway": _LIMITS}
    _provisioned(aws, spec, scenario)
    client = Client(aws, spec["name"], longest)
    client.start()
    time.sleep(longest)
    began = client.now
    execution = _started(aws, spec, scenario)
    if scenario.kills:
        _kill(aws, spec["name"])
    ended = aws.ended(execution, _SECONDS)
    until = client.now
    aws.twin.faults.write_text("{}", "utf-8")
    time.sleep(longest)
    asked = client.stop()
    outcome = Outcome(
        scenario.name, scenario.is_named, asked, began, until, ended.get("error") or ""
    )
    problems = tuple(_problems(outcome, scenario))
    aws.quiet()
    aws.down(spec["name"])
    return replace(outcome, problems=problems)


def _provisioned(aws: Installation, spec: dict[str, Any], scenario: Scenario) -> None:
    aws.up(**spec)
    if "rollback" in scenario.change:
        aws.up(**{**spec, "model": "other"})


def _started(aws: Installation, spec: dict[str, Any], scenario: Scenario) -> str:
    if scenario.refused:
        refusal = {"when": "before", "do": "error", "code": "UnauthorizedOperation",
                   "message": "not allowed", "status": 403}  # fmt: skip
        if scenario.refused.startswith("route53"):
            refusal["code"] = "AccessDenied"
        aws.twin.faults.write_text(json.dumps({scenario.refused: [refusal] * 100}), "utf-8")
    if "rotate" in scenario.change:
        return aws.start("provision", {"name": spec["name"], "rotate": True})
    change = {} if "rollback" in scenario.change else scenario.change
    return aws.start("provision", {**spec, **change})


def _kill(aws: Installation, name: str) -> None:
    def draining() -> list[dict[str, Any]]:
        hosts = [row for row in aws.rows(name) if row["sk"].startswith("host#")]
        is_draining = any(row.get("phase") == "draining" for row in hosts)
        return [row for row in hosts if row["role"] == "serving"] if is_draining else []

    [new] = eventually(draining, bool, _SECONDS)
    aws.client("ec2").terminate_instances(InstanceIds=[new["instance_id"]])


def _problems(outcome: Outcome, scenario: Scenario) -> list[str]:
    """Name what the goals forbid: see docs/changes.md."""
    found = []
    if outcome.error not in (scenario.fails or ("",)):
        found.append(f"ended with {outcome.error or 'success'}")
    if not scenario.kills and outcome.cut:
        found.append(f"{len(outcome.cut)} streams were cut")
    if outcome.is_named and not scenario.kills and outcome.refused:
        found.append(f"{len(outcome.refused)} requests were not answered")
    others = {each.status for each in outcome.refused} - {503}
    if not outcome.is_named and others:
        found.append(f"other answers than the announced 503: {others}")
    return found
