"""The cloud's end of the cable: DNS, AWS, metadata, container registry, certificate authority."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from machine.lab.cloud import network
from machine.lab.cloud.certificates import Certificates, make
from machine.lab.processes import Processes

from host_scripts import acme

ACCOUNT, REGION = "123456789012", "us-east-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
REGISTRY_PASSWORD = f"{ACCOUNT}-auth-token"  # what moto's GetAuthorizationToken says
DOMAIN = "lab.test"
HOST = f"infer.{DOMAIN}"
AUTHORITY = f"acme.{DOMAIN}"
ACME_DIRECTORY = f"https://{AUTHORITY}/dir"

_ADDRESSES = {
    "amazonaws.com": network.AWS,
    f"dkr.ecr.{REGION}.amazonaws.com": network.ECR,
    HOST: network.INSTANCE,
    AUTHORITY: network.ACME,
}
_NAMES = [
    *(f"*.{kind}amazonaws.com" for kind in ("", f"{REGION}.", f"s3.{REGION}.", "s3.")),
    *(f"*.{kind}.{REGION}.amazonaws.com" for kind in ("ecr", "dkr.ecr")),
    AUTHORITY,
]
_INSTANCE_ID = "i-0123456789abcdef0"
_MANAGEMENT = 15000  # pebble's port for whoever wants its root


class Cloud:
    """folder: where its files are; journal: what the hosts told AWS, see aws.py."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.journal = folder / "journal.jsonl"
        self.certificates: Certificates = make(
            folder / "pki", _NAMES, [network.AWS, network.ECR, network.ACME]
        )

    def start(self) -> None:
        """Start what needs no deployment; the metadata service follows with user_data."""
        self._dns()
        self._aws()
        self._registry()
        self._program("names", "machine.lab.cloud.names", network.ACME, **self._account())
        self.authority(days=20)

    def authority(self, days: int) -> None:
        """Start the certificate authority, or another in its place that knows nothing of it.

        days: how long its certificates last.
        """
        if self.processes.pid("pebble"):
            self.processes.end("pebble")
        log = self.processes.logs / "pebble.log"
        log.unlink(missing_ok=True)
        made = self.certificates
        config = {
            "listenAddress": f"{network.ACME}:443",
            "managementListenAddress": f"{network.ACME}:{_MANAGEMENT}",
            "certificate": str(made.cloud),
            "privateKey": str(made.cloud_key),
            "httpPort": 80,
            "tlsPort": 443,
        }
        command = acme.pebble(self.folder / "pebble.json", config, days, f"{network.ACME}:53")
        inside = network.inside(network.CLOUD, *command)
        self.processes.start("pebble", inside, **acme.PEBBLE)
        self._wait_for("pebble", network.ACME, 443)

    def orders(self) -> int:
        """Return how many certificates the present authority was asked for."""
        return acme.orders(self.processes.logs / "pebble.log")

    def root(self) -> str:
        """Return the present authority's own certificate, which clients trust; PEM."""
        trust = ssl.create_default_context(cafile=str(self.certificates.authority))
        url = f"https://{network.ACME}:{_MANAGEMENT}/roots/0"

        def read() -> str:
            with urllib.request.urlopen(url, context=trust, timeout=10) as answer:
                return str(answer.read().decode())

        return network.within(network.CLOUD, read)

    def launch(self, user_data: str) -> None:
        """Let the metadata service speak of an instance with this user_data."""
        document = self.folder / "metadata.json"
        document.write_text(json.dumps(_metadata(user_data)))
        self._program("metadata", "machine.lab.cloud.metadata", str(document), network.METADATA)
        self._wait_for("metadata", network.METADATA, 80)

    def read(self, bucket: str, key: str) -> bytes:
        with self.account():
            return network.within(
                network.CLOUD,
                lambda: boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(),
            )

    def write(self, bucket: str, key: str, content: bytes) -> None:
        with self.account():
            network.within(
                network.CLOUD,
                lambda: boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content),
            )

    def delete(self, bucket: str, key: str) -> None:
        with self.account():
            network.within(
                network.CLOUD, lambda: boto3.client("s3").delete_object(Bucket=bucket, Key=key)
            )

    def told(self, action: str) -> list[dict[str, Any]]:
        """Return the bodies of the calls of that action, oldest first."""
        if not self.journal.exists():
            return []
        calls = map(json.loads, self.journal.read_text().splitlines())
        return [call["body"] for call in calls if call["action"] == action]

    def reports(self) -> list[dict[str, Any]]:
        """Return the details of the host's events, oldest first."""
        entries = [entry for body in self.told("PutEvents") for entry in body["Entries"]]
        return [json.loads(entry["Detail"]) for entry in entries]

    @contextmanager
    def account(self) -> Iterator[None]:
        """boto3's clients that are made here talk to this cloud; for use in its namespace."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._account().items():
                patch.setenv(name, value)
            yield

    def _account(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"https://{network.AWS}",
            "AWS_CA_BUNDLE": str(self.certificates.authority),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
        }

    def _dns(self) -> None:
        command = [
            *("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root"),
            *("--conf-file=/dev/null", "--pid-file=", "--bind-interfaces"),
            f"--listen-address={network.AWS}",
            *(f"--address=/{name}/{address}" for name, address in _ADDRESSES.items()),
        ]
        self.processes.start("dns", network.inside(network.CLOUD, *command))
        self._wait_for("dns", network.AWS, 53)

    def _aws(self) -> None:
        made = self.certificates
        files = [str(path) for path in (made.cloud, made.cloud_key, self.journal)]
        self._program("aws", "machine.lab.cloud.aws", *files, network.AWS)
        self._wait_for("aws", network.AWS, 443)

    def _registry(self) -> None:
        users, settings = self.folder / "registry.users", self.folder / "registry.json"
        hashed = ["htpasswd", "-nbB", "AWS", REGISTRY_PASSWORD]
        users.write_bytes(subprocess.run(hashed, check=True, stdout=subprocess.PIPE).stdout)
        settings.write_text(json.dumps(self._registry_settings(users)))
        command = ["docker-registry", "serve", str(settings)]
        self.processes.start("registry", network.inside(network.CLOUD, *command))
        self._wait_for("registry", network.ECR, 443)

    def _registry_settings(self, users: Path) -> dict[str, Any]:
        made = self.certificates
        return {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "registry")}},
            "auth": {"htpasswd": {"realm": "ecr", "path": str(users)}},
            "http": {
                "addr": f"{network.ECR}:443",
                "tls": {"certificate": str(made.cloud), "key": str(made.cloud_key)},
            },
        }

    def _program(self, name: str, module: str, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        here = str(Path(__file__).parents[3])
        self.processes.start(
            name,
            network.inside(network.CLOUD, *command),
            PYTHONPATH=here,
            MOTO_EC2_LOAD_DEFAULT_AMIS="false",
            **environment,
        )

    def _wait_for(self, name: str, address: str, port: int) -> None:
        self.processes.wait_for(name, lambda: network.answers(address, port))


def _metadata(user_data: str) -> dict[str, Any]:
    name = f"ip-{network.INSTANCE.replace('.', '-')}.ec2.internal"
    zone = f"{REGION}a"
    card = f"network/interfaces/macs/{network.MAC}"
    return {
        "user_data": user_data,
        "role": "lamplighter-instance",
        "identity": {
            "instanceId": _INSTANCE_ID,
            "instanceType": "g6.xlarge",
            "imageId": "ami-0123456789abcdef0",
            "region": REGION,
            "accountId": ACCOUNT,
            "availabilityZone": zone,
        },
        "meta_data": {
            "ami-id": "ami-0123456789abcdef0",
            "instance-id": _INSTANCE_ID,
            "instance-type": "g6.xlarge",
            "hostname": name,
            "local-hostname": name,
            "local-ipv4": network.INSTANCE,
            "mac": network.MAC,
            "placement/region": REGION,
            "placement/availability-zone": zone,
            "services/domain": "amazonaws.com",
            f"{card}/device-number": "0",
            f"{card}/local-ipv4s": network.INSTANCE,
        },
    }
