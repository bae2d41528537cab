"""A blank machine, our user_data, and nothing else: what it is a minute later."""

from __future__ import annotations

import pytest
from machine.conftest import Say
from machine.lab.cloud import network
from machine.lab.seed import MODEL
from machine.lab.whole import Lab

pytestmark = pytest.mark.host

METADATA = f"http://{network.METADATA}/latest"


def test_user_data_runs_to_its_end(lab: Lab, say: Say) -> None:
    status = lab.machine.run("cloud-init status --wait --long").stdout

    output = lab.machine.run("tail -n 40 /var/log/cloud-init-output.log").stdout
    assert "status: done" in status, output
    assert lab.machine.run("test -e /var/lib/lamplighter/setup-done").returncode == 0
    say(lab.machine.said("tail -n 1 /var/log/cloud-init-output.log"))


def test_the_machine_verifies_itself(lab: Lab) -> None:
    verdict = lab.verified(60)

    assert not [layer for layer, problem in verdict["layers"].items() if problem]


def test_no_unit_failed(lab: Lab) -> None:
    lab.verified(60)

    assert lab.machine.said("systemctl --failed --no-legend") == ""
    assert lab.machine.said("systemctl is-system-running --wait") == "running"


def test_a_chat_goes_through_nginx_and_the_gateway_to_the_engine_and_back(lab: Lab) -> None:
    reply = lab.client().chat(MODEL)

    assert reply.status == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"]
    assert "max-age" in reply.headers["strict-transport-security"]


def test_a_stream_arrives_whole(lab: Lab) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Go on."}], "stream": True}

    reply = lab.client().post("/v1/chat/completions", body)

    assert reply.status == 200, reply.text
    assert reply.text.endswith("data: [DONE]\n\n")


def test_a_request_without_a_key_is_refused(lab: Lab) -> None:
    reply = lab.client(key="sk-default-of-somebody-else").chat(MODEL)

    assert reply.status == 401


def test_only_the_web_ports_listen_to_the_outside(lab: Lab) -> None:
    sockets = [line.split()[3] for line in lab.machine.said("ss -ltnH").splitlines()]

    outside = {
        each.rpartition(":")[2] for each in sockets if not each.startswith(("127.", "[::1]"))
    }
    assert outside == {"80", "443"}


def test_the_host_reported_its_phases_up_to_serving(lab: Lab) -> None:
    lab.verified(60)

    phases = [report["phase"] for report in lab.cloud.reports()]

    assert phases[-1] == "serving"
    assert "images" in phases
    assert "failed" not in phases


def test_the_metadata_service_wants_a_token(lab: Lab) -> None:
    ask = "curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}'"

    assert lab.machine.said(f"{ask} {METADATA}/meta-data/instance-id") == "401"


@pytest.mark.parametrize("container", ["inference-app", "vllm-0"])
def test_no_container_reaches_the_machines_credentials(lab: Lab, container: str) -> None:
    header = "{'X-aws-ec2-metadata-token-ttl-seconds': '60'}"
    ask = (
        "from urllib.request import Request, urlopen; "
        f"urlopen(Request('{METADATA}/api/token', method='PUT', headers={header}), timeout=3)"
    )

    tried = lab.machine.run(f'docker exec {container} python -c "{ask}"')

    assert tried.returncode != 0
    assert "timed out" in tried.stdout


def test_a_changed_script_is_not_run(lab: Lab) -> None:
    """The bootstrap of the same user_data again, with one object of the bucket changed."""
    key = f"{lab.seeded.prefix}/setup.sh"
    before = lab.machine.said("sha256sum /opt/lamplighter/setup.sh")
    intact = lab.cloud.read(lab.seeded.bucket, key)
    lab.cloud.write(lab.seeded.bucket, key, intact + b"\ntouch /tampered\n")
    told = lab.cloud.reports()

    try:
        done = lab.machine.run("/var/lib/cloud/instance/scripts/part-001")
    finally:
        lab.cloud.write(lab.seeded.bucket, key, intact)

    assert done.returncode != 0
    cause = f"integrity: setup.sh was changed in {lab.seeded.bucket}: run lamplighter up"
    assert f"failed: {cause}" in done.stdout
    failed = [each for each in lab.cloud.reports()[len(told) :] if each["phase"] == "failed"]
    who = {each: told[-1][each] for each in ("deployment", "instance_id")}  # as the agent says it
    assert failed == [who | {"phase": "failed", "cause": cause}]
    assert lab.machine.run("test -e /tampered").returncode != 0
    assert lab.machine.said("sha256sum /opt/lamplighter/setup.sh") == before
