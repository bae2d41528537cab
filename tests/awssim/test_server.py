"""The strict AWS as a process: the same rules over HTTP, in real time, with saved state."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from patience import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RATE = 100  # AWS's seconds in one of ours


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[str]
    known: dict[str, Any]

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=f"http://127.0.0.1:{self.known['port']}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def next_change(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        change: dict[str, Any] = json.loads(self.process.stdout.readline())
        return change


def command(state: Path) -> list[str]:
    return [sys.executable, "-m", "awssim.server", "--state", str(state), "--rate", str(RATE)]


@contextmanager
def running(state: Path) -> Iterator[Server]:
    process = subprocess.Popen(
        command(state), stdout=subprocess.PIPE, text=True,
        env=os.environ | {"MOTO_ACCOUNT_ID": "000000000000"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield Server(process, json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def launch(server: Server, **more: Any) -> str:
    images = server.known["images"].values()
    wanted = {"ImageId": next(iter(images)), "InstanceType": "t3.large", "MinCount": 1}
    launched = server.client("ec2").run_instances(**wanted, MaxCount=1, **more)
    return str(launched["Instances"][0]["InstanceId"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "state") as started:
        yield started


def test_the_rules_hold_over_http(server: Server) -> None:
    made = launch(server, ClientToken="held")

    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        launch(server, ClientToken="held", UserData="other")

    assert launch(server, ClientToken="held") == made


def test_user_data_and_policies_are_not_converted_twice(server: Server) -> None:
    ec2, iam = server.client("ec2"), server.client("iam")
    made = launch(server, UserData="#!/bin/bash\n")
    trust = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName="once", AssumeRolePolicyDocument=json.dumps(trust))

    data = ec2.describe_instance_attribute(InstanceId=made, Attribute="userData")["UserData"]
    role = iam.get_role(RoleName="once")["Role"]

    assert data["Value"] == "IyEvYmluL2Jhc2gK"
    assert role["AssumeRolePolicyDocument"] == trust


@pytest.mark.parametrize(
    ("service", "read", "options", "code", "status"),
    [
        ("ecr", "describe_repositories", {"repositoryNames": ["none"]},
         "RepositoryNotFoundException", 400),
        ("iam", "get_role", {"RoleName": "none"}, "NoSuchEntity", 404),
        ("route53", "get_hosted_zone", {"Id": "Z0"}, "NoSuchHostedZone", 404),
        ("ec2", "describe_vpcs", {"VpcIds": ["vpc-0"]}, "InvalidVpcID.NotFound", 400),
        ("ec2", "describe_vpcs", {"Filters": [{"Name": "nonsense", "Values": ["x"]}]},
         "NotImplemented", 501),
    ],
)  # fmt: skip
def test_each_service_refuses_in_its_own_protocol(
    server: Server, service: str, read: str, options: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(server.client(service), read)(**options)

    answer = refused.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_instance_changes_by_itself_and_each_state_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "state") as server:
        made = launch(server)
        first = [server.next_change() for _ in range(2)]
        server.client("ec2").terminate_instances(InstanceIds=[made])
        last = [server.next_change() for _ in range(2)]

    told = [change["state"] for change in (*first, *last)]
    assert told == ["pending", "running", "shutting-down", "terminated"]
    assert {change["instance"] for change in (*first, *last)} == {made}


def test_an_ended_server_starts_again_where_it_was(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running(state) as server:
        made = launch(server, ClientToken="kept")
        zone = server.client("route53").create_hosted_zone(Name="a.test", CallerReference="a")
        repository = server.client("ecr").create_repository(repositoryName="kept/here")
        certificate = server.client("acm").request_certificate(DomainName="a.test")

    with running(state) as server:
        again = launch(server, ClientToken="kept")
        zones = server.client("route53").list_hosted_zones()["HostedZones"]
        repositories = server.client("ecr").describe_repositories()["repositories"]
        certificates = server.client("acm").list_certificates()["CertificateSummaryList"]
        # The rules' own record of the instance is there too: it still becomes what it was going to.
        server.client("ec2").terminate_instances(InstanceIds=[made])
        eventually(
            lambda: server.client("ec2").describe_instances(InstanceIds=[made]),
            lambda seen: seen["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated",
            10,
        )

    assert again == made
    assert [each["Id"] for each in zones] == [zone["HostedZone"]["Id"]]
    assert repositories[0]["repositoryArn"] == repository["repository"]["repositoryArn"]
    assert certificates[0]["CertificateArn"] == certificate["CertificateArn"]


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"not a pickle")

    done = subprocess.run(command(state), capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert f"{state} cannot be read" in done.stderr
    assert "remove it to begin with an empty account" in done.stderr


def test_a_failed_check_and_the_reboot_that_ends_it_are_announced(tmp_path: Path) -> None:
    with running(tmp_path / "state") as server:
        made, ec2 = launch(server), server.client("ec2")
        [server.next_change() for _ in range(2)]  # pending, running

        fail_check(server, made, "instance")
        failed = server.next_change()
        [status] = ec2.describe_instance_status(InstanceIds=[made])["InstanceStatuses"]
        ec2.reboot_instances(InstanceIds=[made])
        after = [server.next_change() for _ in range(2)]

    assert failed == {"instance": made, "check": "instance", "fails": True}
    assert status["InstanceStatus"]["Status"] == "impaired"
    assert status["InstanceStatus"]["Details"][0]["ImpairedSince"].tzinfo
    assert after == [
        {"instance": made, "rebooted": True},
        {"instance": made, "check": "instance", "fails": False},
    ]


def fail_check(server: Server, instance: str, check: str) -> None:
    wanted = json.dumps({"instance": instance, "check": check})
    connection = http.client.HTTPConnection("127.0.0.1", server.known["port"], timeout=20)
    connection.request("POST", "/_awssim/fail-check", wanted)
    answer = connection.getresponse()
    connection.close()
    assert answer.status == http.client.OK
