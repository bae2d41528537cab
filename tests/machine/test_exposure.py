"""Secrets that a deployment has, looked for wherever somebody else could read them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest
from machine.lab.cloud.cloud import REGION
from machine.lab.exposure import PLACES, exposed
from machine.lab.seed import HF_TOKEN, MODEL
from machine.lab.whole import Lab

pytestmark = pytest.mark.host

NEEDLE = "sk-needle/that+is_found0123456789"
CONTAINER = "docker inspect --format '{{.State.Pid}}'"


@pytest.fixture(scope="module", autouse=True)
def used(lab: Lab) -> None:
    """Each secret was used, as its owner would and as he should not."""
    lab.verified(60)
    assert lab.client().chat(MODEL).status == 200
    lab.client().get(f"/v1/models?api_key={lab.seeded.api_key}&token={HF_TOKEN}")
    lab.client().post("/v1/nothing", {"model": lab.seeded.api_key, "token": HF_TOKEN})
    assert f"HF_TOKEN={HF_TOKEN}" in lab.machine.said(
        f"tr '\\0' '\\n' < /proc/$({CONTAINER} vllm-0)/environ"
    )


@pytest.mark.parametrize("secret", ["token", "api key", "private key"])
def test_a_secret_is_nowhere_that_others_look(lab: Lab, secret: str) -> None:
    values = {
        "token": HF_TOKEN,
        "api key": lab.seeded.api_key,
        "private key": lab.machine.said("sed -n 2p /etc/lamplighter/tls/server.key"),
    }

    assert exposed(lab, values[secret]) == {}


def test_an_unprivileged_user_reads_no_journal_and_uses_no_docker(lab: Lab) -> None:
    journal = lab.machine.run("journalctl --lines=1", unprivileged=True)
    docker = lab.machine.run("docker ps", unprivileged=True)

    assert "insufficient permissions" in journal.stdout
    assert "permission denied" in docker.stdout
    assert docker.returncode != 0


@pytest.mark.usefixtures("planted")
def test_the_search_finds_what_is_there(lab: Lab) -> None:
    """The control: a needle in every place; user data cannot be changed, so a piece of it."""
    assert set(exposed(lab, NEEDLE)) == set(PLACES) - {"user data"}
    assert "user data" in exposed(lab, lab.seeded.prefix.removeprefix("scripts/"))


@pytest.fixture
def planted(lab: Lab) -> Iterator[None]:
    """The needle is in every place, each time by the way that a secret would take."""
    plant = f"""\
printf %s {NEEDLE} > /etc/needle && chmod 644 /etc/needle
printf %s {NEEDLE} | base64 > /var/log/needle && chmod 600 /var/log/needle
systemd-run --quiet --unit=needle --uid=nobody --setenv=KEY={NEEDLE} sleep 600
setpriv --reuid=nobody --regid=nogroup --clear-groups bash -c 'exec -a {NEEDLE} sleep 600' \\
  &>/dev/null &
echo $! > /run/needle.pid
logger {NEEDLE}
echo {NEEDLE} > /dev/console
"""
    entry = {"Source": "needle", "DetailType": "needle", "Detail": json.dumps({"key": NEEDLE})}
    tell = f"import boto3; boto3.client('events', '{REGION}').put_events(Entries=[{entry}])"
    lab.machine.said(plant)
    lab.machine.said(f"python3 -c {shlex.quote(tell)}")
    lab.cloud.write(lab.seeded.bucket, "needle", NEEDLE.encode())
    yield
    lab.machine.said("systemctl stop needle; kill $(cat /run/needle.pid)")
    lab.machine.said("rm /etc/needle /var/log/needle /run/needle.pid")
    lab.cloud.delete(lab.seeded.bucket, "needle")
