"""The rendered user_data, really executed on a sandbox host with S3 in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from host_scripts.sandbox import PYTHON, Host

if TYPE_CHECKING:
    import subprocess


def boot(host: Host, user_data: str) -> subprocess.CompletedProcess[str]:
    script = host.root / "user-data"
    script.write_text(user_data)
    return host.run(script)


def lacks_boto3(host: Host) -> None:
    host.program("python3", f'[ "$2" != "import boto3" ] || exit 1\n{PYTHON}')


def publish_marker(host: Host) -> str:
    """Publish with a setup.sh that only says that it ran."""
    host.publish()
    setup = host.published / "setup.sh"
    setup.write_text('echo "setup ran in $PWD"; ls; ls bin/lamplighter_agent\n')
    return host.seal()


def test_b1_a_fresh_boot_runs_the_whole_setup(blank_host: Host) -> None:
    done = boot(blank_host, blank_host.publish())

    assert done.returncode == 0, done.stderr
    assert (blank_host.root / "state/lamplighter/setup-done").exists()
    assert "verified:" in done.stdout + done.stderr


def test_a_fresh_machine_fetches_proves_and_runs_the_scripts(blank_host: Host) -> None:
    done = boot(blank_host, publish_marker(blank_host))

    assert done.returncode == 0, done.stderr
    assert f"setup ran in {blank_host.scripts}" in done.stdout
    assert {"deployment.env", "nginx.conf", "lib.sh", "phases.py"} <= set(done.stdout.split())
    assert blank_host.calls == []


def test_a_machine_without_boto3_gets_it_from_apt_and_waits_for_its_lock(blank_host: Host) -> None:
    user_data = publish_marker(blank_host)
    lacks_boto3(blank_host)

    done = boot(blank_host, user_data)

    assert done.returncode == 0, done.stderr
    assert blank_host.calls == [
        "apt-get -qyo DPkg::Lock::Timeout=600 update",
        "apt-get -qyo DPkg::Lock::Timeout=600 install python3-boto3",
    ]


def test_a_mirror_that_fails_at_first_is_asked_again(blank_host: Host) -> None:
    user_data = publish_marker(blank_host)
    lacks_boto3(blank_host)
    blank_host.answer(
        "apt-get", f"[ -e {blank_host.root}/up ] || {{ touch {blank_host.root}/up; exit 100; }}"
    )

    done = boot(blank_host, user_data)

    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in blank_host.calls] == ["apt-get", "sleep"] + ["apt-get"] * 2


def test_a_tampered_script_stops_the_boot(blank_host: Host) -> None:
    user_data = publish_marker(blank_host)
    (blank_host.published / "lib.sh").write_text("echo owned\n")

    done = boot(blank_host, user_data)

    assert done.returncode != 0
    assert "lib.sh: FAILED" in done.stdout
    assert "failed: integrity" in done.stdout
    assert "setup ran" not in done.stdout
    assert not blank_host.scripts.exists()


def test_a_tampered_list_of_sums_stops_the_boot_before_anything_is_fetched(
    blank_host: Host,
) -> None:
    user_data = publish_marker(blank_host)
    (blank_host.published / "lib.sh").write_text("echo owned\n")
    blank_host.seal()  # the attacker's sums fit the attacker's file

    done = boot(blank_host, user_data)

    assert done.returncode != 0
    assert "SHA256SUMS: FAILED" in done.stdout
    assert {p.name for p in (blank_host.root / "opt").rglob("*")} == {
        "lamplighter.new",
        "SHA256SUMS",
    }


def test_a_file_that_nobody_listed_never_reaches_the_machine(blank_host: Host) -> None:
    user_data = publish_marker(blank_host)
    (blank_host.published / "99-extra.sh").write_text("echo owned\n")

    boot(blank_host, user_data)

    assert not (blank_host.scripts / "99-extra.sh").exists()


def test_a_bucket_that_cannot_be_read_is_asked_again_and_then_stops_the_boot(
    blank_host: Host,
) -> None:
    user_data = publish_marker(blank_host)
    (blank_host.published / "SHA256SUMS").unlink()

    done = boot(blank_host, user_data)

    assert done.returncode != 0
    assert [call.split()[0] for call in blank_host.calls] == ["sleep"] * 5
    assert "ClientError" in done.stderr


def test_a_second_boot_script_replaces_the_first_version_whole(blank_host: Host) -> None:
    boot(blank_host, publish_marker(blank_host))
    (blank_host.scripts / "45-old.sh").write_text("")

    done = boot(blank_host, blank_host.seal())

    assert done.returncode == 0
    assert not (blank_host.scripts / "45-old.sh").exists()
