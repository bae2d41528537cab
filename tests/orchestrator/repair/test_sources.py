"""AWS's events, in the shapes that its documents show, become triggers."""

from __future__ import annotations

import copy

import pytest
from contracts.documents import document
from orchestrator.errors import InvalidRequest
from orchestrator.repair import sources

GOLDEN = document("aws_events")
EVENTS = {name: each["event"] for name, each in GOLDEN["events"].items()}
HERE = "i-1234567890abcdef0"
STATE = "EC2 Instance State-change Notification"
ENDING = {
    *("spot_interruption", "rebalance", "reservation_interruption", "capacity_block_interruption"),
    *("health_retirement", "health_persistent_retirement", "health_stop", "health_reboot"),
    "health_system_reboot",
}
OVER = {"health_issue", "alarm_cleared"}
OF_THE_DEPLOYMENT = {"alarm_heartbeat_missing"}


def triggers(event):
    return sources.triggers_of(event, "lamplighter")


def changed(name, **detail):
    event = copy.deepcopy(EVENTS[name])
    event["detail"] |= detail
    return event


@pytest.mark.parametrize("name", sorted(EVENTS.keys() - OVER - OF_THE_DEPLOYMENT))
def test_an_event_of_aws_names_the_instance_and_whether_it_will_end(name):
    [trigger] = triggers(EVENTS[name])

    assert trigger.instance_id == HERE
    assert trigger.ending is (name in ENDING)
    assert trigger.at == "2026-01-01T12:00:00Z"
    assert trigger.source == name.partition("_")[0].replace("state", "ec2").replace(
        "spot", "ec2"
    ).replace("rebalance", "ec2").replace("reservation", "ec2").replace("capacity", "ec2")


def test_an_alarm_without_an_instance_is_about_the_host_that_serves():
    [trigger] = triggers(EVENTS["alarm_heartbeat_missing"])

    assert (trigger.deployment, trigger.instance_id) == ("demo", "")


@pytest.mark.parametrize("name", sorted(OVER))
def test_what_is_over_or_no_fault_of_an_instance_needs_no_repair(name):
    with pytest.raises(InvalidRequest, match="needs no repair"):
        triggers(EVENTS[name])


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_an_instance_that_ends_is_lost(state):
    [trigger] = triggers(changed("state_change", state=state))

    assert (trigger.text, trigger.state) == (f"{STATE}: {state}", state)


@pytest.mark.parametrize("code", GOLDEN["health_codes"])
def test_each_scheduled_change_ends_the_instance_but_for_its_network(code):
    event = changed("health_retirement", eventTypeCode=code)

    if "NETWORK" in code:
        with pytest.raises(InvalidRequest, match="needs no repair"):
            triggers(event)
    else:
        assert [each.instance_id for each in triggers(event)] == [HERE]


def test_a_scheduled_change_of_two_instances_is_two_triggers():
    entities = [{"entityValue": "i-1"}, {"entityValue": "arn:aws:ec2:r:1:instance/i-2"}]

    found = triggers(changed("health_retirement", affectedEntities=entities))

    assert [each.instance_id for each in found] == ["i-1", "i-2"]


@pytest.mark.parametrize("event", [
    None,
    {},
    [],
    {"detail": None},
    {"detail": {}, "detail-type": None},
    {"detail-type": STATE, "detail": {"instance-id": 7, "state": "stopped"}},
    {"detail-type": STATE, "detail": {"instance-id": "i-1", "state": "running"}},
    {"detail-type": STATE, "detail": {"instance-id": "i-1", "state": None}},
    {"detail-type": "EC2 Instance Launch Successful", "detail": {"instance-id": "i-1"}},
    {"detail-type": "EC2 Spot Instance Interruption Warning", "detail": {}},
    changed("health_retirement", affectedEntities=[]),
    changed("health_retirement", affectedEntities="i-1"),
    changed("health_retirement", affectedEntities=[{"entityValue": 7}, "x"]),
    changed("health_retirement", statusCode="closed"),
    changed("alarm_system_check", alarmName="foreign-demo-system-check"),
    changed("alarm_system_check", alarmName="lamplighter-demo-certificate"),
    changed("alarm_system_check", configuration={}),
    changed("alarm_system_check", state="ALARM"),
])  # fmt: skip
def test_any_other_event_is_refused(event):
    with pytest.raises(InvalidRequest):
        triggers(event)
