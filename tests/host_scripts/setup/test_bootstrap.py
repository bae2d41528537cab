"""The rendered user_data, really executed on a sandbox host with S3 in a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from host_scripts.sandbox import BUCKET, SETTINGS, Host
from orchestrator.hosts.reports import Report

if TYPE_CHECKING:
    import subprocess

INSTANCE = "i-0123456789abcdef0"
UPDATE = "apt-get update"
INSTALL = "apt-get -yo DPkg::Lock::Timeout=600 install python3-boto3"


@pytest.fixture
def machine(blank_host: Host) -> Host:
    """Return a blank machine that knows its instance id."""
    blank_host.answer("cloud-init", f'[ "$*" = "query instance_id" ] && echo {INSTANCE}')
    return blank_host


def boot(host: Host, user_data: str) -> subprocess.CompletedProcess[str]:
    """Run user_data as cloud-init does; a shell starts it here, since the sandbox's Python may."""
    (host.root / "user-data").write_text(user_data)
    starter = host.root / "boot.sh"
    starter.write_text(f"exec python3 {host.root}/user-data\n")
    return host.run(starter)


def lacks_boto3(host: Host) -> None:
    """Let boto3 be missing until apt installs it."""
    missing = host.aws / "boto3-missing"
    missing.touch()
    host.answer("apt-get", f'case "$*" in *install*) rm -f {missing} ;; esac')


def publish_marker(host: Host) -> str:
    """Publish with a setup.sh that only says that it ran."""
    host.publish()
    setup = host.published / "setup.sh"
    setup.write_text('echo "setup ran in $PWD"; ls; ls host/agent\n')
    return host.seal()


def reports(host: Host) -> list[Report]:
    """Return what the bus took, as the orchestrator reads it; the envelope is the agent's."""
    told = host.aws / "events"
    entries = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    for entry in entries:
        assert entry["EventBusName"] == SETTINGS["event_bus"]
        assert entry["Source"] == "lamplighter.host.demo"
        assert entry["DetailType"] == "Host Report"
    events = [{"source": e["Source"], "detail": json.loads(e["Detail"])} for e in entries]
    return [Report.parse(event) for event in events]


def failed(cause: str) -> Report:
    remedy = f"in {BUCKET}: run lamplighter up"
    return Report(SETTINGS["deployment"], INSTANCE, "failed", None, f"{cause} {remedy}")


def test_b1_a_fresh_boot_runs_the_whole_setup(machine: Host) -> None:
    done = boot(machine, machine.publish())

    assert done.returncode == 0, done.stderr
    assert (machine.root / "state/lamplighter/setup-done").exists()
    assert "verified:" in done.stdout + done.stderr


def test_a_fresh_machine_fetches_proves_and_runs_the_scripts(machine: Host) -> None:
    done = boot(machine, publish_marker(machine))

    assert done.returncode == 0, done.stderr
    assert f"setup ran in {machine.scripts}" in done.stdout
    assert {"deployment.env", "nginx.conf", "lib.sh", "phases.py"} <= set(done.stdout.split())
    assert machine.calls == []
    assert reports(machine) == []


def test_the_sums_lie_beside_the_scripts_that_they_proved(machine: Host) -> None:
    boot(machine, publish_marker(machine))
    check = machine.root / "check.sh"
    check.write_text(f"cd {machine.scripts} && sha256sum -c --strict --quiet SHA256SUMS\n")

    done = machine.run(check)

    listed = (machine.scripts / "SHA256SUMS").read_text().splitlines()
    there = [path for path in machine.scripts.rglob("*") if path.is_file()]
    assert (done.returncode, done.stdout) == (0, "")
    assert len(listed) == len(there) - 1


def test_a_machine_without_boto3_gets_it_from_apt_and_waits_for_its_lock(machine: Host) -> None:
    user_data = publish_marker(machine)
    lacks_boto3(machine)

    done = boot(machine, user_data)

    assert done.returncode == 0, done.stderr
    assert "setup ran" in done.stdout
    assert machine.calls == [UPDATE, INSTALL]


def test_a_mirror_that_fails_at_first_is_asked_again(machine: Host) -> None:
    user_data = publish_marker(machine)
    lacks_boto3(machine)
    up = machine.root / "up"
    machine.answer("sleep", f"touch {up}")
    missing = machine.aws / "boto3-missing"
    machine.answer("apt-get", f'[ -e {up} ] || exit 100; [ "$1" = update ] || rm -f {missing}')

    done = boot(machine, user_data)

    assert "setup ran" in done.stdout, done.stderr
    assert machine.calls == [UPDATE, INSTALL, "sleep 5", UPDATE, INSTALL]


def test_a_profile_that_is_not_usable_yet_is_waited_for(machine: Host) -> None:
    user_data = publish_marker(machine)
    hidden = machine.aws / "not-yet"
    (machine.aws / "s3").rename(hidden)
    machine.answer("sleep", f"[ ! -e {hidden} ] || mv {hidden} {machine.aws}/s3")

    done = boot(machine, user_data)

    assert "setup ran" in done.stdout, done.stderr
    assert machine.calls == ["sleep 5"]
    assert reports(machine) == []


@pytest.mark.parametrize("name", ["fetch.py", "lib.sh", "setup.sh", "host/agent/phases.py"])
def test_a_tampered_script_stops_the_boot_and_is_reported_by_its_name(
    machine: Host, name: str
) -> None:
    user_data = publish_marker(machine)
    (machine.published / name).write_text("echo owned\n")

    done = boot(machine, user_data)

    assert done.returncode != 0
    assert f"failed: integrity: {name} was changed in {BUCKET}" in done.stdout
    assert reports(machine) == [failed(f"integrity: {name} was changed")]
    assert not {"setup ran", "owned"} & set(done.stdout.splitlines())
    assert not machine.scripts.exists()


def test_a_bucket_of_another_account_is_not_asked_for_scripts(machine: Host) -> None:
    user_data = publish_marker(machine)
    (machine.aws / "s3-owner").write_text("666666666666")

    done = boot(machine, user_data)

    assert done.returncode != 0
    assert f"AccessDenied) when calling the GetObject operation: Access Denied in {BUCKET}" in (
        done.stdout
    )
    assert not machine.scripts.exists()


def test_tampering_is_reported_at_once(machine: Host) -> None:
    user_data = publish_marker(machine)
    (machine.published / "lib.sh").write_text("echo owned\n")

    boot(machine, user_data)

    assert machine.calls == ["cloud-init query instance_id"]


def test_a_tampered_list_of_sums_stops_the_boot_before_anything_is_fetched(machine: Host) -> None:
    user_data = publish_marker(machine)
    digest = machine.published.name
    (machine.published / "lib.sh").write_text("echo owned\n")
    machine.seal()  # the attacker's sums fit the attacker's file
    machine.published.rename(machine.published.with_name(digest))

    done = boot(machine, user_data)

    assert done.returncode != 0
    assert reports(machine) == [failed("integrity: SHA256SUMS was changed")]
    assert not machine.scripts.exists()


def test_the_scripts_of_before_stay_until_the_new_ones_are_proved(machine: Host) -> None:
    boot(machine, publish_marker(machine))
    before = (machine.scripts / "lib.sh").read_text()
    user_data = machine.seal()
    (machine.published / "lib.sh").write_text("echo owned\n")

    done = boot(machine, user_data)

    assert done.returncode != 0
    assert (machine.scripts / "lib.sh").read_text() == before


def test_an_unlisted_file_never_reaches_the_machine(machine: Host) -> None:
    user_data = publish_marker(machine)
    (machine.published / "99-extra.sh").write_text("echo owned\n")

    boot(machine, user_data)

    assert machine.scripts.exists()
    assert not (machine.scripts / "99-extra.sh").exists()


def test_what_an_earlier_attempt_left_does_not_come_along(machine: Host) -> None:
    user_data = publish_marker(machine)
    half = machine.scripts.with_name("lamplighter.new")
    half.mkdir(parents=True)
    (half / "45-old.sh").write_text("echo owned\n")

    boot(machine, user_data)

    assert machine.scripts.exists()
    assert not (machine.scripts / "45-old.sh").exists()


@pytest.mark.parametrize("name", ["fetch.py", "lib.sh"])
def test_a_file_that_cannot_be_read_is_fetched_again_and_then_reported(
    machine: Host, name: str
) -> None:
    user_data = publish_marker(machine)
    (machine.published / name).unlink()

    done = boot(machine, user_data)

    aws = "An error occurred (NoSuchKey) when calling the GetObject operation: The specified key"
    assert done.returncode != 0
    assert machine.calls == [*["sleep 5"] * 25, "cloud-init query instance_id"]
    assert f"failed: {aws}" in done.stdout
    assert reports(machine) == [failed(f"{aws} does not exist.")]


def test_a_missing_bucket_is_reported_with_the_error_of_aws(machine: Host) -> None:
    user_data = publish_marker(machine)
    (machine.aws / "s3" / BUCKET).rename(machine.aws / "s3" / "another")

    boot(machine, user_data)

    [report] = reports(machine)
    assert "(NoSuchBucket)" in str(report.cause)
    assert f"in {BUCKET}: run lamplighter up" in str(report.cause)


@pytest.mark.parametrize("name", ["lib.sh", "fetch.py"])
def test_a_bus_that_is_away_does_not_hide_the_failure(machine: Host, name: str) -> None:
    user_data = publish_marker(machine)
    (machine.published / name).write_text("echo owned\n")
    (machine.aws / "events-down").touch()

    done = boot(machine, user_data)

    assert done.returncode != 0
    assert f"failed: integrity: {name} was changed in {BUCKET}" in done.stdout
    assert "EndpointConnectionError" in done.stderr
    assert not machine.scripts.exists()


def test_a_second_boot_script_replaces_the_first_version_whole(machine: Host) -> None:
    boot(machine, publish_marker(machine))
    (machine.scripts / "45-old.sh").write_text("")

    done = boot(machine, machine.seal())

    assert done.returncode == 0
    assert not (machine.scripts / "45-old.sh").exists()
