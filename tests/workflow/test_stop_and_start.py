"""A deployment is stopped while a client waits for its answer, and started on the same host."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.twin


def state(aws, instance):
    found = aws.client("ec2").describe_instances(InstanceIds=[instance])
    return found["Reservations"][0]["Instances"][0]["State"]["Name"]


def test_what_was_stopped_serves_again_on_its_host_at_its_address(live):
    aws, before = live
    incidents = len(aws.repairs("alpha"))

    stopped = aws.run("stop", {"name": "alpha"})

    assert (stopped["status"], stopped.get("cause")) == ("SUCCEEDED", None)
    assert stopped["output"]["kept"] is True
    assert state(aws, before["instance_id"]) == "stopped"
    assert aws.deployment("alpha")["status"] == "stopped"
    aws.quiet()

    started = aws.run("start", {"name": "alpha"})

    assert (started["status"], started.get("cause")) == ("SUCCEEDED", None)
    assert started["output"]["instance_id"] == before["instance_id"]
    assert started["output"]["endpoint"] == before["endpoint"]
    assert "stub engine" in aws.ask("alpha")
    aws.quiet()
    assert len(aws.repairs("alpha")) == incidents
    assert aws.deployment("alpha")["status"] == "serving"
