"""The host runner: a running instance is real processes, an address leads to them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hostlab.hosting import (
    KEY,
    SETTINGS,
    STAND_IN,
    Hosted,
    end,
    launched,
    pid_of,
    processes_of,
    put_key,
    running,
    uploaded,
)
from twin import control as twins

from .conftest import eventually

pytestmark = pytest.mark.twin


def test_an_instance_serves_at_its_address_for_those_with_the_key(hosted: Hosted) -> None:
    hosted.serves()

    stranger = httpx.get(f"{hosted.origin()}/v1/models")
    answer = hosted.models()

    assert stranger.status_code == 401
    assert answer is not None
    assert answer.json()["data"][0]["id"] == "tiny model"


def test_the_agent_is_told_where_things_are(hosted: Hosted) -> None:
    log = hosted.folder / "agent.log"
    given = json.loads(eventually(lambda: log.read_text() if log.exists() else "", bool, 60))

    assert given["INSTANCE_ID"] == hosted.instance
    assert given["GATEWAY_URL"].startswith("http://127.0.0.1:")
    assert given["ENGINE_URL"] != given["GATEWAY_URL"]
    begins = SETTINGS.partition("{settings}")[0]
    assert Path(given["DEPLOYMENT_ENV"]).read_text().startswith(begins)
    assert given["UNITS"] == "vllm@0.service inference-app.service"
    assert Path(given["KEYS_FILE"]) == hosted.folder / "gateway" / "keys"
    assert Path(given["STATUS_FILE"]) == hosted.folder / "gateway" / "status"


def test_a_new_key_works_and_a_revoked_one_fails_without_a_restart(
    account: Any, followed: Hosted
) -> None:
    followed.serves()
    stranger = followed.models("sk-of-bob")

    put_key(account, "bob", "sk-of-bob")
    let_in = eventually(lambda: status(followed, "sk-of-bob"), lambda seen: seen == 200, 60)
    account.client("ssm").delete_parameter(Name="/twin/hosted/keys/bob")
    shut_out = eventually(lambda: status(followed, "sk-of-bob"), lambda seen: seen == 401, 60)

    assert stranger is not None
    assert (stranger.status_code, let_in, shut_out) == (401, 200, 401)
    assert status(followed, KEY) == 200
    assert "sk-of-bob" not in (followed.folder / "gateway" / "keys").read_text()


def test_a_host_that_is_ordered_to_drain_refuses_from_the_orders_time_on(
    account: Any, followed: Hosted
) -> None:
    followed.serves()
    order = f"/lamplighter/hosted/hosts/{followed.instance}"
    later = {"refuse_from": "2126-01-01T00:00:00Z", "retry_after_seconds": 30}
    now = later | {"refuse_from": "2026-01-01T00:00:00Z"}
    phases = followed.folder / "agent.log"

    give(account, order, later)
    eventually(phases.read_text, lambda log: "to=draining" in log, 60)
    meanwhile = followed.chat()
    give(account, order, now)
    refused = eventually(followed.chat, lambda answer: answer.status_code == 503, 60)
    eventually(phases.read_text, lambda log: "to=drained" in log, 60)
    account.client("ssm").delete_parameter(Name=order)
    eventually(followed.chat, lambda answer: answer.status_code == 200, 60)

    assert meanwhile.status_code == 200
    assert refused.headers["retry-after"] == "30"
    assert refused.json()["error"]["code"] == "host_draining"


def give(account: Any, parameter: str, drain: dict[str, Any]) -> None:
    value = json.dumps({"drain": drain})
    account.client("ssm").put_parameter(Name=parameter, Value=value, Type="String", Overwrite=True)


def status(host: Hosted, key: str) -> int | None:
    answer = host.models(key)
    return None if answer is None else answer.status_code


def test_a_service_that_dies_starts_again(hosted: Hosted) -> None:
    hosted.serves()

    os.kill(pid_of(hosted, "vllm"), 9)

    eventually(
        lambda: (hosted.folder / "vllm.log").read_text(), lambda log: "starts again" in log, 60
    )
    hosted.serves()


def test_a_stopped_instance_refuses_and_a_started_one_serves_again(
    account: Any, hosted: Hosted
) -> None:
    hosted.serves()

    stopped = twins.break_(account.twin.state, "stop", "hosted")
    eventually(hosted.models, lambda answer: answer is None, 60)
    account.await_state(stopped, "stopped")
    account.client("ec2").start_instances(InstanceIds=[stopped])

    assert stopped == hosted.instance
    hosted.serves()


def test_a_terminated_instance_leaves_no_process(account: Any, hosted: Hosted) -> None:
    hosted.serves()
    twins.break_(account.twin.state, "terminate", "hosted")

    eventually(lambda: processes_of(hosted), lambda found: not found, 60)

    assert hosted.models() is None


def test_a_name_of_the_address_leads_there_too(account: Any, hosted: Hosted) -> None:
    dns = account.client("route53")
    zone = dns.list_hosted_zones()["HostedZones"][0]["Id"]
    record = {
        "Name": "twin.demo.test", "Type": "A", "TTL": 60,
        "ResourceRecords": [{"Value": hosted.public_ip}],
    }  # fmt: skip
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    origins = eventually(
        lambda: json.loads(hosted.origins.read_text()),
        lambda found: "https://twin.demo.test" in found,
        60,
    )

    changes[0]["Action"] = "DELETE"
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    assert origins["https://twin.demo.test"] == origins[f"https://{hosted.public_ip}"]


def test_two_hosts_of_a_deployment_serve_side_by_side(account: Any, hosted: Hosted) -> None:
    hosted.serves()
    ec2 = account.client("ec2")
    second = running(account, uploaded(account, STAND_IN, tampered=False))
    described = ec2.describe_instances(InstanceIds=[second])["Reservations"][0]["Instances"][0]
    own = replace(hosted, instance=second, public_ip=described["PublicIpAddress"])

    own.serves()
    hosted.serves()
    ec2.associate_address(
        InstanceId=second, AllocationId=hosted.allocation, AllowReassociation=True
    )
    origins = eventually(
        lambda: json.loads(hosted.origins.read_text()),
        lambda found: f"https://{own.public_ip}" not in found,
        10,
    )
    account.client("ec2").terminate_instances(InstanceIds=[hosted.instance])
    account.await_state(hosted.instance, "terminated")
    hosted.serves()

    assert f"https://{hosted.public_ip}" in origins
    ec2.terminate_instances(InstanceIds=[second])
    account.await_state(second, "terminated")


def test_changed_scripts_start_nothing(account: Any) -> None:
    made = launched(account, STAND_IN, tampered=True)

    states = eventually(
        lambda: twins.status(account.twin.state)["hosts"],
        lambda found: "failed" in found.get(made.instance, ""),
        60,
    )

    end(account, made)
    assert "integrity: host/agent/__main__.py was changed in twin-hosts-" in states[made.instance]
    assert processes_of(made) == []
