"""What `lamplighter local break` can break: one list for its help, its documentation, the twin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """does: what happens; ends: what ends it, beside a new host. For people, without a full stop.

    lasts: whether --for may limit it. of_account: no instance is broken.
    """

    name: str
    does: str
    ends: str
    lasts: bool = False
    of_account: bool = False


FAULTS = (
    Fault("terminate", "EC2 terminates the instance", "nothing"),
    Fault("stop", "EC2 stops the instance", "a start"),
    Fault("spot", "EC2 warns that it interrupts the spot instance in two minutes", "nothing"),
    Fault("rebalance", "EC2 recommends to replace the spot instance", "nothing"),
    Fault("retire", "AWS Health announces the retirement of the instance's hardware", "nothing"),
    Fault(
        "status-check",
        "the machine stands still and fails the status check that --check names",
        "instance: a reboot; system: a stop and start",
    ),
    Fault("gateway-kill", "the gateway is killed", "systemd starts it again"),
    Fault("engine-kill", "the engine is killed", "systemd starts it again"),
    Fault(
        "engine-wedge",
        "the engine answers for its health and produces no token any more",
        "a restart of the engine",
    ),
    Fault("agent-kill", "the agent ends and stays down; requests are served", "a start of it"),
    Fault("gpu-xid", "a GPU falls off the bus (Xid 79) and the engine fails", "a reboot"),
    Fault("gpu-lost", "a GPU is gone and the engine fails", "a stop and start"),
    Fault("disk-full", "1 % of the disk is free; the host serves and warns", "nothing"),
    Fault(
        "bad-model",
        "vLLM does not know the model: no host of this twin can start it",
        "another model",
        lasts=True,
    ),
    Fault("event-lost", "events of AWS are lost for a minute", "time", lasts=True, of_account=True),
    Fault(
        "event-storm",
        "EC2 terminates the instance, and 1,000 events say so within a minute",
        "nothing",
    ),
    Fault(
        "capacity-away",
        "EC2 has no capacity: launches and starts are refused for five minutes",
        "time",
        lasts=True,
        of_account=True,
    ),
    Fault(
        "network-cut",
        "the endpoint's address leads nowhere, although the host is well",
        "its association, or its DNS record",
    ),
    Fault("clock-jump", "the host's clock is an hour ahead, in its reports too", "a reboot"),
)
ALIASES = {"spot-warning": "spot"}
CHECKS = ("system", "instance")


def named(name: str) -> Fault:
    """Return it by its name, or by an earlier one; raise KeyError for another."""
    return {each.name: each for each in FAULTS}[ALIASES.get(name, name)]
