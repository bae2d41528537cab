"""Up, status, environment, break, inventory, down: what the command line calls."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from lamplighter.errors import Unavailable, UnknownDeployment
from twin import control as twins
from twin import daemons, record

from .conftest import SCRATCH, client_of, free_port


@pytest.mark.twin
def test_a_second_up_changes_nothing(account: Any) -> None:
    said: list[str] = []

    again = twins.up("stub", said.append, account.twin.state, template=SCRATCH)

    assert again.processes == account.twin.processes
    assert said == [f"local AWS: {account.twin.endpoint}", "installing: sam deploy"]


@pytest.mark.twin
def test_status_names_the_running_processes(account: Any) -> None:
    status = twins.status(account.twin.state)

    assert status["up"]
    assert status["processes"].keys() == {"emulator", "hosts"}


@pytest.mark.twin
def test_inventory_lists_what_a_deployment_could_leave(account: Any) -> None:
    ec2, registry = account.client("ec2"), account.client("ecr")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    address = ec2.allocate_address(Domain="vpc")
    registry.create_repository(repositoryName="twin/listed")
    account.client("s3").create_bucket(Bucket="lamplighter-listed")
    put_alarm(account, "listed", Tags=[{"Key": "lamplighter:deployment", "Value": "listed"}])
    put_alarm(account, "the-installations")

    listed = twins.inventory(account.twin.state)
    account.client("s3").delete_bucket(Bucket="lamplighter-listed")
    account.client("cloudwatch").delete_alarms(AlarmNames=["listed", "the-installations"])
    registry.delete_repository(repositoryName="twin/listed")
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_vpc(VpcId=vpc)
    after = twins.inventory(account.twin.state)

    ours = {f"vpc {vpc}", f"address {address['PublicIp']}", "repository twin/listed",
            "bucket lamplighter-listed", "alarm listed"}  # fmt: skip
    assert ours <= set(listed)
    assert not ours & set(after)
    assert "alarm the-installations" not in listed


def put_alarm(account: Any, name: str, **more: Any) -> None:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        **more,
    )


@pytest.mark.twin
def test_breaking_needs_an_instance(account: Any) -> None:
    with pytest.raises(UnknownDeployment, match="no deployment has a running instance"):
        twins.break_(account.twin.state, "terminate", "absent")


@pytest.mark.twin
def test_an_account_survives_down_and_up(tmp_path: Path) -> None:
    port = free_port()
    daemons.start_emulator(tmp_path, "stub", port)
    account = client_of(twins.environment(tmp_path), "ec2")
    vpc = account.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    store = client_of(twins.environment(tmp_path), "s3")
    store.create_bucket(Bucket="kept")
    store.put_object(Bucket="kept", Key="a", Body=b"b")

    twins.down(tmp_path)
    gone = twins.status(tmp_path)
    daemons.start_emulator(tmp_path, "stub", port)

    assert gone == {"up": False}
    assert account.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"] == "10.8.0.0/16"
    assert store.get_object(Bucket="kept", Key="a")["Body"].read() == b"b"
    twins.down(tmp_path, forget=True)
    assert not tmp_path.exists()


def test_without_a_twin_the_command_to_start_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="lamplighter local up"):
        twins.environment(tmp_path)


def test_down_without_a_twin_is_fine(tmp_path: Path) -> None:
    twins.down(tmp_path)

    assert record.find(tmp_path) is None


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

        with pytest.raises(Unavailable, match=f"port {port} is taken"):
            daemons.start_emulator(tmp_path, "stub", port)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"processes": 7}'])
def test_a_spoilt_record_is_told_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.json").write_text(text)

    with pytest.raises(Unavailable, match=r"local\.json cannot be read .* remove that file"):
        twins.status(tmp_path)


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(Unavailable, match="choose another --state-dir"):
        twins.up("stub", print, tmp_path / "file" / "state")
