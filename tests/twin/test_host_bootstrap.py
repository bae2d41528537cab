"""The scripts of a host are the ones it was launched with, or it does nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from host_scripts.sandbox import render
from orchestrator.hosts.reports import Report
from patience import eventually
from twin.hosts.bootstrap import Integrity, UserData, fetch, settings
from twin.hosts.cloud import Cloud
from twin.hosts.host import Host

Stored = dict[str, bytes]
BUCKET = "lamplighter-demo-123456789012-us-east-1"
INSTANCE = "i-0123456789abcdef0"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Account:
    """Stands in for the local AWS: one bucket, one user_data, one bus that may be away."""

    launched_with: str
    stored: Stored
    is_away: bool = False
    reports: list[tuple[str, Report]] = field(default_factory=list)

    def user_data(self, instance: str) -> str:
        assert instance == INSTANCE
        return self.launched_with

    def download(self, bucket: str, key: str, target: Path) -> None:
        if key not in self.stored:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        downloader(self.stored)(bucket, key, target)

    def report(self, bus: str, detail: dict[str, str]) -> None:
        if self.is_away:
            raise EndpointConnectionError(endpoint_url="https://events")
        source = f"lamplighter.host.{detail['deployment']}"  # as hosts/cloud.py sends it
        self.reports.append((bus, Report.parse({"source": source, "detail": detail})))


async def booted(account: Account, folder: Path) -> Host:
    """Return a host that was switched on; these never get as far as an engine."""
    host = Host(INSTANCE, folder / INSTANCE, cast("Cloud", account), cast("Any", None), None)
    life = asyncio.create_task(host.run())
    await asyncio.to_thread(eventually, lambda: host.state, lambda state: state != "booting", 30)
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    return host


def sealed(files: Stored, sums: str = "") -> tuple[str, Stored]:
    """Return user_data for these files, by the template of a real host, and the bucket."""
    listed = "".join(f"{digest(content)}  {name}\n" for name, content in files.items())
    everything = files | {"SHA256SUMS": (listed + sums).encode()}
    folder = f"scripts/{digest(everything['SHA256SUMS'])}"
    user_data = render(
        "bootstrap.py.j2",
        aws_region="us-east-1",
        deployment="demo",
        account="123456789012",
        bucket=BUCKET,
        folder=folder,
        program_sha256="of fetch.py",
        event_bus="lamplighter",
    )
    return user_data, {f"{folder}/{name}": content for name, content in everything.items()}


@pytest.fixture
def files() -> Stored:
    return {"setup.sh": b"echo\n", "host/agent.py": b"pass\n", "deployment.env": b"MODEL=a b=c\n"}


def downloader(stored: Stored) -> Callable[[str, str, Path], None]:
    def download(bucket: str, key: str, target: Path) -> None:
        assert bucket == BUCKET
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stored[key])

    return download


def test_user_data_names_the_deployment_its_bucket_and_its_bus(files: Stored) -> None:
    user_data, stored = sealed(files)

    known = UserData.parse(user_data)

    assert (known.deployment, known.bucket, known.bus) == ("demo", BUCKET, "lamplighter")
    assert f"{known.folder}/SHA256SUMS" in stored


def test_every_listed_file_is_fetched_and_proved(files: Stored, tmp_path: Path) -> None:
    user_data, stored = sealed(files)

    fetch(UserData.parse(user_data), tmp_path / "opt", downloader(stored))

    found = {
        each.relative_to(tmp_path / "opt").as_posix() for each in (tmp_path / "opt").rglob("*")
    }
    assert found == {
        *("setup.sh", "host", "host/agent.py", "deployment.env", "SHA256SUMS"),
    }
    assert settings(tmp_path / "opt" / "deployment.env") == {"MODEL": "a b=c"}


@pytest.mark.parametrize("name", ["setup.sh", "host/agent.py", "SHA256SUMS"])
def test_a_changed_file_is_refused_and_nothing_is_in_place(
    files: Stored, tmp_path: Path, name: str
) -> None:
    user_data, stored = sealed(files)
    known = UserData.parse(user_data)
    stored[f"{known.folder}/{name}"] += b"# changed\n"

    with pytest.raises(Integrity, match=f"^integrity: {name} was changed$"):
        fetch(known, tmp_path / "opt", downloader(stored))

    assert not (tmp_path / "opt").exists()


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd"])
def test_sums_cannot_lead_outside(files: Stored, tmp_path: Path, path: str) -> None:
    user_data, stored = sealed(files, sums=f"{digest(b'x')}  {path}\n")

    with pytest.raises(Integrity, match="names no file"):
        fetch(UserData.parse(user_data), tmp_path / "opt", downloader(stored))


def test_user_data_without_a_folder_is_refused() -> None:
    text = render("bootstrap.py.j2", account="a", aws_region="r", deployment="d", bucket="b",
                  event_bus="e", folder="", program_sha256="s")  # fmt: skip

    with pytest.raises(Integrity, match=r"does not set folder$"):
        UserData.parse(text)


async def test_a_host_whose_scripts_were_changed_reports_it_and_stays_off(
    files: Stored, tmp_path: Path
) -> None:
    user_data, stored = sealed(files)
    account = Account(user_data, {key: content + b"#" for key, content in stored.items()})

    host = await booted(account, tmp_path)

    cause = f"integrity: SHA256SUMS was changed in {BUCKET}: run lamplighter up"
    assert account.reports == [("lamplighter", Report("demo", INSTANCE, "failed", None, cause))]
    assert host.state == f"failed: {cause}"
    assert not (host.folder / "opt" / "lamplighter").exists()


async def test_a_host_that_cannot_read_its_bucket_reports_the_error_of_aws(
    files: Stored, tmp_path: Path
) -> None:
    account = Account(sealed(files)[0], {})

    host = await booted(account, tmp_path)

    [(_, report)] = account.reports
    assert report.phase == "failed"
    assert f"HeadObject operation: Not Found in {BUCKET}" in str(report.cause)
    assert host.state == f"failed: {report.cause}"


async def test_a_bus_that_is_away_does_not_hide_the_failure(files: Stored, tmp_path: Path) -> None:
    account = Account(sealed(files)[0], {}, is_away=True)

    host = await booted(account, tmp_path)

    assert host.state.startswith("failed: An error occurred (404)")
