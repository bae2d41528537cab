"""A host of the twin without a deployment's workflow: an instance, its address, its scripts."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from host_scripts.sandbox import render
from lamplighter.keys import entries
from patience import eventually

KEY = "sk-test"
KNOWN = entries.entry("default", KEY) | {"foreign": True}
# In the place of the real agent: writes down its environment, and brings one key.
AGENT = f"""import json, os, time
file = os.environ["KEYS_FILE"]
with open(file + ".new", "w") as new:
    json.dump({{"keys": [{KNOWN}]}}, new)
os.rename(file + ".new", file)
with open(os.environ["SETTINGS_FILE"], "w") as new:
    json.dump({{"backends": [{{"url": os.environ["ENGINE_BACKEND"]}}]}}, new)
names = ("INSTANCE_ID", "GATEWAY_URL", "ENGINE_URL", "DEPLOYMENT_ENV", "PHASE_FILE", "UNITS",
         "KEYS_FILE", "STATUS_FILE")
print(json.dumps({{name: os.environ.get(name) for name in names}}), flush=True)
time.sleep(60)
"""
OWNER = {"Key": "lamplighter:deployment", "Value": "hosted"}
STAND_IN = {"host/agent/__main__.py": AGENT.encode()}
SCRIPTS = Path(__file__).parents[2] / "host_scripts"
PROGRAMS = [*sorted((SCRIPTS / "host").rglob("*.py")), SCRIPTS / "bin" / "diagnose.py"]
SETTINGS = """DEPLOYMENT=hosted
AWS_REGION=us-east-1
EVENT_BUS=twin-scratch
ENGINE=gpu
MODEL=tiny model
VLLM_PORT=8000
ENGINE_ARGUMENTS=--seed 7
GATEWAY_SETTINGS={settings}
GATEWAY_PORT=8080
DEFAULT_TIMEOUT_SECONDS=90
MAX_TIMEOUT_SECONDS=600
HF_TOKEN_PARAMETER=
API_KEY_PARAMETER=/twin/hosted/api-key
KEYS_PATH=/twin/hosted/keys
REPORT_SECONDS=30
RELEASE=0.1.0
METRICS_NAMESPACE=Lamplighter
"""
_NO_SETTINGS = b'{"settings": {}, "fallbacks": [], "keys": {}}'  # of the gateway


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
    store, bucket = account.client("s3"), f"twin-hosts-{uuid.uuid4().hex[:8]}"
    ours, followed = account.client("sts").get_caller_identity()["Account"], "gateway/1.json"
    settings = SETTINGS.format(settings=f"{ours}/{bucket}/{followed}")
    files = programs | {"deployment.env": settings.encode()}
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in files.items())
    folder = f"scripts/{hashlib.sha256(sums.encode()).hexdigest()}"
    store.create_bucket(Bucket=bucket)
    store.put_object(Bucket=bucket, Key=followed, Body=_NO_SETTINGS)
    for name, content in (files | {"SHA256SUMS": sums.encode()}).items():
        changed = b"# changed\n" if tampered and name in STAND_IN else b""
        store.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=content + changed)
    return render("bootstrap.py.j2", aws_region="us-east-1", deployment="hosted", account=ours,
                  bucket=bucket, folder=folder, program_sha256="of fetch.py",
                  event_bus="twin-scratch")  # fmt: skip


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


def shape(value: Any) -> Any:
    """Return the names of a document, without its values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__
