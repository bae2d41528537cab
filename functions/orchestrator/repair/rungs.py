"""The smallest repair that may help: facts in, a rung out. No clock, no AWS.

A rung is one way to repair, from the one that touches least to the one that costs most. What
serves is not touched, what loads or is busy is waited for, and what no repair improves is
explained. `bounds` decides whether it may be done, and what follows a rung that did not help.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.launch import instances


class Rung(StrEnum):
    NOTHING = "nothing"
    WAIT = "wait"  # it loads, is busy, or repairs itself
    RECONNECT = "reconnect"  # the host is well: network, address and record lead to it again
    RESTART = "restart"  # the host's agent
    REBOOT = "reboot"
    REHOST = "rehost"  # stopped, and started on other hardware: disk and address stay
    REPLACE = "replace"  # by a new host, in the next pool that has one
    EXPLAIN = "explain"  # no repair helps: an operator has to change something


LOST = "EC2 says that the instance is"  # how the sentence about a lost one begins
WISH = "an operator wants it"  # and about what somebody asked for
LADDER = (Rung.RECONNECT, Rung.RESTART, Rung.REBOOT, Rung.REHOST, Rung.REPLACE)


class Blame(StrEnum):
    """What a host that gave up says is the cause."""

    UNKNOWN = "unknown"
    HARDWARE = "hardware"
    CONFIGURATION = "configuration"  # a setting, a credential, a model that does not fit

    @classmethod
    def _missing_(cls, _: object) -> Blame:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the host that should serve.

    state: EC2's name for it, or absent. answers: the endpoint does, asked from outside, or by the
    host's word where the allowed ranges shut us out. answers_itself: the host does at its own
    address, although the endpoint does not. phase: as last reported; heard: lately.
    unwell_seconds: since it reported another phase than serving. failing: EC2's status checks that
    fail (system, instance, attached-disk). ending: why EC2 will end it soon. can_rehost: EC2 can
    stop it and start it again.
    """

    state: str = "running"
    answers: bool = True
    answers_itself: bool = False
    phase: str | None = "serving"
    heard: bool = True
    unwell_seconds: float = 0.0
    failing: frozenset[str] = frozenset()
    ending: str | None = None
    blame: Blame = Blame.UNKNOWN
    cause: str | None = None
    can_rehost: bool = True

    @property
    def serves(self) -> bool:
        """Whether the host answers somebody: what ends that does not help."""
        return self.answers or self.answers_itself


@dataclass(frozen=True, slots=True)
class Verdict:
    """why: one sentence."""

    rung: Rung
    why: str


MENDING_SECONDS = 600.0  # for the agent's own repairs: three, 90 seconds apart, and a load
LOADING_SECONDS = 3600.0  # the largest models load for most of an hour


def first(facts: Facts) -> Verdict:
    """Return the smallest rung that may help."""
    if facts.state in instances.LOST:
        return Verdict(Rung.REPLACE, f"{LOST} {facts.state}")
    if facts.ending:
        return Verdict(Rung.REPLACE, f"EC2 will end the instance: {facts.ending}")
    if facts.answers:
        return _answering(facts)
    if facts.heard and facts.phase == "failed":
        return _failed(facts)
    return _checked(facts) if facts.failing else _not_answering(facts)


def after(rung: Rung, facts: Facts) -> Rung:
    """Return the rung that follows one that did not help."""
    if rung not in LADDER or rung == Rung.REPLACE:
        return Rung.EXPLAIN
    following = LADDER[LADDER.index(rung) + 1]
    if following == Rung.RESTART and facts.heard:
        return Rung.REBOOT  # the agent is well
    return Rung.REPLACE if following == Rung.REHOST and not facts.can_rehost else following


def _failed(facts: Facts) -> Verdict:
    why = f"the host gave up: {facts.cause or 'it gave no cause'}"
    if facts.blame == Blame.CONFIGURATION:
        return Verdict(Rung.EXPLAIN, why)
    if facts.blame == Blame.HARDWARE:
        return Verdict(_other_hardware(facts), why)
    return Verdict(Rung.REBOOT, why)


def _checked(facts: Facts) -> Verdict:
    why = f"EC2's status checks fail: {', '.join(sorted(facts.failing))}"
    if facts.failing - {"instance"}:
        return Verdict(_other_hardware(facts), why)
    return Verdict(Rung.REBOOT, why)


def _answering(facts: Facts) -> Verdict:
    """What serves is not touched; an agent that is silent would not see its next fault.

    A host that lost one of its GPUs gets a successor, and serves until then.
    """
    if facts.heard and facts.phase == "failed":
        why = f"the endpoint answers, although the host gave up: {facts.cause}"
        return Verdict(Rung.REPLACE if facts.blame == Blame.HARDWARE else Rung.WAIT, why)
    if facts.heard:
        return Verdict(Rung.NOTHING, "the instance runs and the endpoint answers")
    return Verdict(Rung.RESTART, "the endpoint answers, but its host's agent is silent")


def _not_answering(facts: Facts) -> Verdict:
    if not facts.heard:
        return Verdict(Rung.RECONNECT, "neither the endpoint answers nor its host")
    if facts.phase == "serving":
        return Verdict(Rung.RECONNECT, "the host says that it serves, but the endpoint is silent")
    return _unwell(facts)


def _unwell(facts: Facts) -> Verdict:
    """The agent is at work: it has said lately what it waits for."""
    is_mending = facts.phase == "unhealthy"
    patience = MENDING_SECONDS if is_mending else LOADING_SECONDS
    doing = "repairs itself" if is_mending else f"is {facts.phase}"
    why = f"the host {doing}" + (f": {facts.cause}" if facts.cause else "")
    if facts.unwell_seconds < patience:
        return Verdict(Rung.WAIT, why)
    return Verdict(Rung.REBOOT, f"{why}, for {facts.unwell_seconds / 60:.0f} minutes")


def _other_hardware(facts: Facts) -> Rung:
    return Rung.REHOST if facts.can_rehost else Rung.REPLACE
