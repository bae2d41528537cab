"""The host runner: a running instance is real processes, an address leads to them."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from host_scripts.sandbox import render
from lamplighter.keys import entries
from twin import control as twins

from .conftest import eventually

pytestmark = pytest.mark.twin
KEY = "sk-test"
KNOWN = entries.entry("default", KEY) | {"foreign": True}
# In the place of the real agent: tells what it was told, and brings one key.
AGENT = f"""import json, os, time
file = os.environ["KEYS_FILE"]
with open(file + ".new", "w") as new:
    json.dump({{"keys": [{KNOWN}]}}, new)
os.rename(file + ".new", file)
names = ("INSTANCE_ID", "GATEWAY_URL", "ENGINE_URL", "DEPLOYMENT_ENV", "PHASE_FILE", "UNITS",
         "KEYS_FILE", "STATUS_FILE")
print(json.dumps({{name: os.environ.get(name) for name in names}}), flush=True)
time.sleep(60)
"""
OWNER = {"Key": "lamplighter:deployment", "Value": "hosted"}
STAND_IN = {"host/agent/__main__.py": AGENT.encode()}
SCRIPTS = Path(__file__).parents[2] / "host_scripts"
PROGRAMS = sorted((SCRIPTS / "host").rglob("*.py"))
SETTINGS = """DEPLOYMENT=hosted
AWS_REGION=us-east-1
EVENT_BUS=twin-scratch
ENGINE=gpu
MODEL=tiny model
VLLM_PORT=8000
ENGINE_ARGUMENTS=--seed 7
GATEWAY_PORT=8080
DEFAULT_TIMEOUT_SECONDS=90
MAX_TIMEOUT_SECONDS=600
HF_TOKEN_PARAMETER=
API_KEY_PARAMETER=/twin/hosted/api-key
KEYS_PATH=/twin/hosted/keys
REPORT_SECONDS=30
METRICS_NAMESPACE=Lamplighter
"""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A running instance with an address, and where this machine has them."""

    instance: str
    public_ip: str
    allocation: str
    folder: Path
    origins: Path

    def origin(self) -> str:
        """Where the address is here, once the runner has seen it."""
        return str(
            eventually(
                lambda: json.loads(self.origins.read_text()).get(f"https://{self.public_ip}"),
                bool,
                60,
            )
        )

    def models(self, key: str = KEY) -> httpx.Response | None:
        try:
            return httpx.get(
                f"{self.origin()}/v1/models", headers={"Authorization": f"Bearer {key}"}
            )
        except httpx.TransportError:
            return None

    def chat(self) -> httpx.Response:
        body = {"model": "tiny model", "messages": [{"role": "user", "content": "ping"}]}
        key = {"Authorization": f"Bearer {KEY}"}
        return httpx.post(f"{self.origin()}/v1/chat/completions", json=body, headers=key)

    def serves(self) -> None:
        eventually(self.models, lambda answer: answer is not None and answer.is_success, 60)


@pytest.fixture
def hosted(account: Any) -> Iterator[Hosted]:
    made = launched(account, STAND_IN)
    yield made
    end(account, made)


@pytest.fixture
def followed(account: Any) -> Iterator[Hosted]:
    """A host whose agent is the real one, which follows the parameters of SSM."""
    put_key(account, "default", KEY)
    made = launched(account, {str(p.relative_to(SCRIPTS)): p.read_bytes() for p in PROGRAMS})
    yield made
    end(account, made)


def end(account: Any, made: Hosted) -> None:
    account.client("ec2").terminate_instances(InstanceIds=[made.instance])
    account.await_state(made.instance, "terminated")
    account.client("ec2").release_address(AllocationId=made.allocation)


def put_key(account: Any, key_id: str, key: str) -> None:
    value = json.dumps([entries.entry(key_id, key) | {"foreign": True}])
    account.client("ssm").put_parameter(
        Name=f"/twin/hosted/keys/{key_id}", Value=value, Type="String", Overwrite=True
    )


def launched(account: Any, programs: dict[str, bytes], *, tampered: bool = False) -> Hosted:
    ec2 = account.client("ec2")
    instance = running(account, uploaded(account, programs, tampered=tampered))
    address = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [OWNER]}]
    )
    ec2.associate_address(InstanceId=instance, AllocationId=address["AllocationId"])
    folder = account.twin.state / "hosts" / instance
    return Hosted(
        instance, address["PublicIp"], address["AllocationId"], folder, account.twin.origins
    )


def running(account: Any, user_data: str) -> str:
    """Return the id of another instance of the deployment, with an address of its own."""
    instance = account.client("ec2").run_instances(
        ImageId=account.image(), InstanceType="g6.xlarge", MinCount=1, MaxCount=1,
        UserData=user_data,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [OWNER]}],
    )["Instances"][0]["InstanceId"]  # fmt: skip
    account.await_state(instance, "running")
    return str(instance)


def uploaded(account: Any, programs: dict[str, bytes], *, tampered: bool) -> str:
    """Put the scripts into a bucket; return the user_data that leads there."""
    store = account.client("s3")
    bucket = f"twin-hosts-{uuid.uuid4().hex[:8]}"
    files = programs | {"deployment.env": SETTINGS.encode()}
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items())
    folder = f"scripts/{hashlib.sha256(sums.encode()).hexdigest()}"
    store.create_bucket(Bucket=bucket)
    for name, content in (files | {"SHA256SUMS": sums.encode()}).items():
        changed = b"# changed\n" if tampered and name in STAND_IN else b""
        store.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=content + changed)
    ours = account.client("sts").get_caller_identity()["Account"]
    return render("bootstrap.py.j2", aws_region="us-east-1", deployment="hosted", account=ours,
                  bucket=bucket, folder=folder, program_sha256="of fetch.py",
                  event_bus="twin-scratch")  # fmt: skip


def test_an_instance_serves_at_its_address_for_those_with_the_key(hosted: Hosted) -> None:
    hosted.serves()

    stranger = httpx.get(f"{hosted.origin()}/v1/models")
    answer = hosted.models()

    assert stranger.status_code == 401
    assert answer is not None
    assert answer.json()["data"][0]["id"] == "tiny model"


def test_the_agent_is_told_where_things_are(hosted: Hosted) -> None:
    log = hosted.folder / "agent.log"
    told = json.loads(eventually(lambda: log.read_text() if log.exists() else "", bool, 60))

    assert told["INSTANCE_ID"] == hosted.instance
    assert told["GATEWAY_URL"].startswith("http://127.0.0.1:")
    assert told["ENGINE_URL"] != told["GATEWAY_URL"]
    assert Path(told["DEPLOYMENT_ENV"]).read_text() == SETTINGS
    assert told["UNITS"] == "vllm@0.service inference-app.service"
    assert Path(told["KEYS_FILE"]) == hosted.folder / "gateway" / "keys"
    assert Path(told["STATUS_FILE"]) == hosted.folder / "gateway" / "status"


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


def pid_of(hosted: Hosted, unit: str) -> int:
    return next(pid for pid, log in processes_of(hosted) if log == f"{unit}.log")


def processes_of(hosted: Hosted) -> list[tuple[int, str]]:
    """(pid, log's name) of every process whose output goes to this host's folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            output = (each / "fd" / "1").readlink()
        except OSError:
            continue
        if hosted.folder in output.parents:
            found.append((int(each.name), output.name))
    return found
