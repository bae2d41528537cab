"""Each change that is played, and the step at which it is made to fail."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from patience import eventually
from twinlab import Installation

from changes.client import Asked, Client

NAMED = {"name": "named", "model": "m", "dns": {"domain": "demo.test", "ttl_seconds": 5}}
BARE = {"name": "bare", "model": "m"}
_LIMITS = {"default_timeout_seconds": 90, "max_timeout_seconds": 90}  # more than any stream takes
_SECONDS = 400.0
# Seconds from the last answer of the old host to the first of the new one: two looks of the agent,
# a report, two steps of the workflow.
_MOVING = 5.0
_SLOWER = 3.0  # seconds that a busy machine may add to a stream
_TAKING_BACK = 15.0  # seconds from the loss of the new host to the old one's answers
# One that nothing answers so.
_IMPOSSIBLE = {"prompts": [{"prompt": "What is 2 + 2?", "contains": "no model says this"}]}


@dataclass(frozen=True, slots=True)
class Scenario:
    """spec: what is provisioned where nothing serves yet. change: the keys that get another value;
    rotate, rollback: the operator's commands. refused: an AWS call that fails from then on. kills:
    the new host is terminated while the old one drains. fails: the errors that the change may end
    with.
    """

    name: str
    spec: dict[str, Any]
    change: str = "model"
    refused: str = ""
    kills: bool = False
    fails: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        return "dns" in self.spec


SCENARIOS: Sequence[Scenario] = (
    Scenario("another model", NAMED),
    Scenario("another engine", NAMED, "engine"),
    Scenario("rotation", NAMED, "rotate"),
    Scenario("rollback", NAMED, "rollback"),
    Scenario("another model", BARE),
    Scenario("fails at its launch", NAMED, refused="ec2.RunInstances", fails=("Refused",)),
    Scenario("fails at its canary", NAMED, "canary", fails=("CanaryFailed",)),
    Scenario("fails at its address", NAMED, refused="ec2.AssociateAddress", fails=("Refused",)),
    Scenario(
        "fails at its record",
        NAMED,
        refused="route53.ChangeResourceRecordSets",
        fails=("Refused",),
    ),
    Scenario(
        "its host dies while the old one drains", NAMED, kills=True, fails=("HostLost", "Refused")
    ),
    Scenario("fails at its launch", BARE, refused="ec2.RunInstances", fails=("Refused",)),
    Scenario("rollback", BARE, "rollback"),
    Scenario("rotation", BARE, "rotate"),
    Scenario("another engine", BARE, "engine"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """began, ended: of the change's workflow, in the client's seconds. error: that it ended with.

    before: the model that served. problems: what was not as it has to be.
    """

    name: str
    is_named: bool
    asked: list[Asked]
    began: float
    ended: float
    error: str
    before: str = ""
    problems: tuple[str, ...] = ()

    @property
    def refused(self) -> list[Asked]:
        return [each for each in self.asked if each.status != HTTPStatus.OK]

    @property
    def cut(self) -> list[Asked]:
        return [each for each in self.asked if each.status == HTTPStatus.OK and not each.is_whole]

    @property
    def longest(self) -> float:
        """Seconds of the longest stream."""
        return max((each.seconds for each in self.asked if each.is_stream), default=0.0)

    @property
    def gap(self) -> float:
        """Seconds from the first request that was not answered to the last one."""
        found = self.refused
        return found[-1].at - found[0].at if found else 0.0

    @property
    def unanswered(self) -> list[Asked]:
        """Those whose connection ended, or never began."""
        return [each for each in self.asked if isinstance(each.status, str)]

    @property
    def rest(self) -> float:
        """Seconds of the gap after the last answer that ran as it began."""
        if not self.refused:
            return 0.0
        first, last = self.refused[0].at, self.refused[-1].at
        ran = [each.end for each in self.asked if each.status == HTTPStatus.OK and each.at < first]
        return max(0.0, last - max([first, *ran]))


def play(aws: Installation, scenario: Scenario, longest: int) -> Outcome:
    """Ask for as long as a stream takes, change what serves, and ask as long again."""
    name = scenario.spec["name"]
    serving = _serving(aws, scenario)
    client = Client(aws, name, longest)
    client.start()
    time.sleep(longest)
    began = client.now
    _refuse(aws, scenario)
    execution = aws.start("provision", _changed(aws, serving, scenario))
    if scenario.kills:
        _kill(aws, name)
    ended = aws.ended(execution, _SECONDS)
    until = client.now
    aws.twin.faults.write_text("{}", "utf-8")
    time.sleep(longest)
    error = ended.get("error") or ""
    asked, before = client.stop(), serving["model"]
    outcome = Outcome(scenario.name, scenario.is_named, asked, began, until, error, before)
    aws.quiet()
    problems = [*_problems(outcome, scenario), *_other_than_said(outcome, longest)]
    return replace(outcome, problems=tuple(problems))


def _serving(aws: Installation, scenario: Scenario) -> dict[str, Any]:
    """Return the specification that serves; provision one where none does."""
    name = scenario.spec["name"]
    rows = {row["sk"]: row for row in aws.rows(name)}
    if "deployment" not in rows:
        aws.up(**{**scenario.spec, "gateway": _LIMITS})
    if scenario.change == "rollback" and len(_kept(aws, name)) == 1:
        aws.up(**_changed(aws, json.loads(aws.deployment(name)["spec"]), Scenario("", {})))
    found: dict[str, Any] = json.loads(aws.deployment(name)["spec"])
    return found


def _kept(aws: Installation, name: str) -> list[dict[str, Any]]:
    rows = [row for row in aws.rows(name) if row["sk"].startswith("spec#")]
    return [json.loads(row["spec"]) for row in sorted(rows, key=lambda row: row["at"])]


def _changed(aws: Installation, serving: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Return the input of the workflow that makes the change."""
    name, model = serving["name"], "other" if serving["model"] == "m" else "m"
    arguments = [] if serving["engine"]["arguments"] else ["--max-num-seqs", "32"]
    if scenario.change == "rollback":
        return _kept(aws, name)[-2]
    return {
        "model": {**serving, "model": model},
        "engine": {**serving, "engine": {**serving["engine"], "arguments": arguments}},
        "canary": {**serving, "model": model, "canary": _IMPOSSIBLE},
        "rotate": {"name": name, "rotate": True},
    }[scenario.change]


def _refuse(aws: Installation, scenario: Scenario) -> None:
    if scenario.refused:
        refusal = {"when": "before", "do": "error", "status": 403, "message": "not allowed"}
        is_ec2 = scenario.refused.startswith("ec2.")
        refusal["code"] = "UnauthorizedOperation" if is_ec2 else "AccessDenied"
        aws.twin.faults.write_text(json.dumps({scenario.refused: [refusal] * 100}), "utf-8")


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
    if scenario.kills:
        return found + _beside_the_lost(outcome)
    if outcome.cut:
        found.append(f"{len(outcome.cut)} streams were cut")
    if outcome.is_named and outcome.refused:
        found.append(f"{len(outcome.refused)} requests were not answered")
    return found if outcome.is_named else found + _beside_the_announced(outcome)


def _other_than_said(outcome: Outcome, longest: int) -> list[str]:
    """Name a longest stream that is not what the page says: a gap is judged by it."""
    is_so = longest - 1 < outcome.longest < longest + _SLOWER
    return [] if is_so else [f"the longest stream took {outcome.longest:.1f} s, not {longest}"]


def _beside_the_lost(outcome: Outcome) -> list[str]:
    """Name what the loss of the new host does not explain."""
    found = []
    old = [each for each in outcome.cut if each.model == outcome.before]
    if old:
        found.append(f"{len(old)} streams of the old host were cut")
    if outcome.gap > _TAKING_BACK:
        found.append(f"the old host answered after {outcome.gap:.1f} s only")
    return found


def _beside_the_announced(outcome: Outcome) -> list[str]:
    """Name what is neither a 503 while answers run, nor a connection that the moving address ends.

    It moves once: there is one moment at which all those connections were open.
    """
    found, ended = [], outcome.unanswered
    others = {each.status for each in outcome.refused} - {HTTPStatus.SERVICE_UNAVAILABLE}
    if numbers := sorted(each for each in others if isinstance(each, int)):
        found.append(f"other answers than the announced 503: {numbers}")
    if ended and max(each.at for each in ended) > min(each.end for each in ended):
        found.append(f"{len(ended)} connections ended, at more than one moment")
    if outcome.rest > _MOVING:
        found.append(f"requests were refused for {outcome.rest:.1f} s after the last answer")
    return found
