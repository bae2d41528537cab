"""What goes wrong: each strikes the host that serves, or what leads to it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from contracts.documents import document
from orchestrator.aws import naming
from simlab import Boot
from simlab.events import DEFAULT_BUS
from simulation.replacement import DOMAIN

from chaos.scene import NAME, Scene

_CHECK_SECONDS = 60.0  # EC2 checks every minute, and an alarm's period is one
_SPOT_NOTICE_SECONDS = 120.0
_STORM_SECONDS = 60.0
_HANDLERS = {"InstanceEventFunction", "HostReportFunction"}  # of what comes in storms
CAPACITY_HOURS = 5.0
_STATE = "EC2 Instance State-change Notification"
_ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


def terminate(scene: Scene) -> None:
    scene.world.terminate(scene.instance)


def stop(scene: Scene) -> None:
    scene.world.stop(scene.instance)


def spot(scene: Scene) -> None:
    """The warning, and the end two minutes later."""
    _event(scene, "spot_interruption")
    scene.world.schedule.after(_SPOT_NOTICE_SECONDS, partial(terminate, scene))


def rebalance(scene: Scene) -> None:
    _event(scene, "rebalance")


def retire(scene: Scene) -> None:
    _event(scene, "health_persistent_retirement")


def check(name: str, alarm: str, scene: Scene) -> None:
    """The machine hangs; its check fails, and a minute later the alarm on it."""
    scene.world.hosts[scene.instance].fall_silent()

    def noticed() -> None:
        if scene.instance in scene.world.hosts:
            scene.world.machines.impaired[scene.instance] = {name}
            _event(scene, alarm)

    scene.world.schedule.after(_CHECK_SECONDS, noticed)


def host_failed(blame: str | None, cause: str, scene: Scene) -> None:
    scene.world.hosts[scene.instance].become("failed", cause, blame)


def unhealthy(scene: Scene) -> None:
    scene.world.hosts[scene.instance].become("unhealthy", "the engine does not answer")


def hang(scene: Scene) -> None:
    scene.world.hosts[scene.instance].fall_silent()


def lose_agent(scene: Scene) -> None:
    scene.world.hosts[scene.instance].lose_agent()


def without_events(strike: Callable[[Scene], None], scene: Scene) -> None:
    """Every event of AWS is lost from now on; the hosts' own reports arrive."""
    scene.world.events.is_lost = lambda event: str(event["source"]).startswith("aws.")
    strike(scene)


def storm(scene: Scene) -> None:
    """One loss, and so many events about it within a minute, each with an id of its own."""
    terminate(scene)
    detail = {"instance-id": scene.instance, "state": "shutting-down"}
    put = partial(scene.world.events.put, DEFAULT_BUS, "aws.ec2", _STATE, detail)
    _spread(scene, [put] * scene.copies)


def capacity_away(scene: Scene) -> None:
    scene.world.account.capacity.short(seconds=3600 * CAPACITY_HOURS)
    terminate(scene)


def firewall_closed(scene: Scene) -> None:
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": _ANYWHERE}
    _by_hand(
        scene,
        "ec2",
        "revoke_security_group_ingress",
        GroupId=scene.resources["firewall"],
        IpPermissions=[https],
    )


def address_gone(scene: Scene) -> None:
    with scene.world.account.uncounted():
        [found] = scene.world.account.client("ec2").describe_addresses()["Addresses"]
    _by_hand(scene, "ec2", "disassociate_address", AssociationId=found["AssociationId"])


def record_deleted(scene: Scene) -> None:
    host = scene.endpoint.removeprefix("https://")
    with scene.world.account.uncounted():
        route53 = scene.world.account.client("route53")
        [zone] = route53.list_hosted_zones()["HostedZones"]
        listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    [ours] = [r for r in listed if (r["Name"].rstrip("."), r["Type"]) == (host, "A")]
    change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": ours}]}
    _by_hand(
        scene,
        "route53",
        "change_resource_record_sets",
        HostedZoneId=zone["Id"],
        ChangeBatch=change,
    )


def bad_model(scene: Scene) -> None:
    """The host is lost, and none that follows it can load the model."""
    never = Boot(
        fails="loading",
        cause="the model does not fit into the GPU's memory",
        blame="configuration",
        seconds={"booting": (30, 30), "loading": (60, 60)},
    )
    scene.world.boots = [never] * len(scene.world.boots)
    terminate(scene)


def during_provision(scene: Scene) -> None:
    """An operator's `up` runs when the host is lost."""
    scene.world.start("provision", DOMAIN)
    scene.world.schedule.after(scene.chance.uniform(1, 60), partial(_lose, scene))


def during_teardown(scene: Scene) -> None:
    scene.world.start("teardown", {"name": NAME})
    scene.world.schedule.after(scene.chance.uniform(0, 10), partial(_lose, scene))


def _lose(scene: Scene) -> None:
    if scene.instance in scene.world.instances():
        terminate(scene)


def forged(scene: Scene) -> None:
    """Reports of a failure: by other instances, an earlier one, other deployments; malformed."""
    bus, own = _bus(scene), naming.event_source(NAME)
    claim = {
        "deployment": NAME,
        "instance_id": scene.instance,
        "phase": "failed",
        "cause": "forged",
    }
    kinds: list[tuple[str, dict[str, Any]]] = [
        (own, {**claim, "instance_id": "i-00000000000000bad"}),
        (own, {**claim, "instance_id": scene.earlier}),
        (naming.event_source("other"), claim),
        (naming.event_source("other"), {**claim, "deployment": "other"}),
        (own, {**claim, "phase": "melted"}),
        (own, {"deployment": NAME, "instance_id": [1], "phase": {}}),
    ]
    puts = [
        partial(scene.world.events.put, bus, source, "Host Report", detail)
        for source, detail in (scene.chance.choice(kinds) for _ in range(scene.copies))
    ]
    _spread(scene, puts)


# -- times without a fault ---------------------------------------------------------------------


def healthy(_: Scene) -> None:
    """Nothing happens."""


def loading(scene: Scene) -> None:
    """Every six hours its engine is restarted, and loads for up to 50 minutes."""

    def load() -> None:
        host = scene.world.hosts.get(scene.instance)
        if host is not None:
            host.become("loading", "the weights are read")
            host_serves = partial(host.become, "serving")
            scene.world.schedule.after(60 * scene.chance.uniform(5, 50), host_serves)
        scene.world.schedule.after(6 * 3600, load)

    scene.world.schedule.after(1800, load)


def saturated(scene: Scene) -> None:
    """Every other probe runs into its timeout; the host's own reports say that it serves."""
    turns = itertools.cycle([True, False])
    scene.world.internet.is_lost = lambda: next(turns)


def saturated_at_random(scene: Scene) -> None:
    """Half of the probes run into their timeout, in no order."""
    scene.world.internet.is_lost = lambda: scene.chance.random() < 1 / 2


# -- what AWS sends ----------------------------------------------------------------------------


def _event(scene: Scene, name: str) -> None:
    """An event in the shape that AWS documents, about this instance."""
    event = copy.deepcopy(document("aws_events")["events"][name]["event"])
    detail = _about(event["detail"], scene.instance)
    scene.world.events.put(DEFAULT_BUS, event["source"], event["detail-type"], detail)


def _about(part: Any, instance: str) -> Any:
    if isinstance(part, dict):
        return {key: _about(value, instance) for key, value in part.items()}
    if isinstance(part, list):
        return [_about(each, instance) for each in part]
    return part.replace("i-1234567890abcdef0", instance) if isinstance(part, str) else part


def _spread(scene: Scene, puts: Sequence[Callable[[], None]]) -> None:
    """Let these happen at moments within a minute. Lambda handles them side by side: on the one
    clock of the simulation, where each would wait for the one before, their calls take no time.
    """
    functions, account = scene.world._functions, scene.world.account
    invoke = functions.invoke

    def at_once(arn: str, event: Any) -> Any:
        if functions[arn].name not in _HANDLERS:
            return invoke(arn, event)
        with account.uncounted():
            return invoke(arn, event)

    functions.invoke = at_once  # type: ignore[method-assign]
    for put in puts:
        scene.world.schedule.after(scene.chance.uniform(0, _STORM_SECONDS), put)


def _bus(scene: Scene) -> str:
    return scene.world.stack.named["AWS::Events::EventBus"][0]


def _by_hand(scene: Scene, service: str, operation: str, **parameters: Any) -> None:
    """A person in the console."""
    with scene.world.account.uncounted():
        getattr(scene.world.account.client(service), operation)(**parameters)
