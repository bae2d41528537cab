"""The certificate of a host from a real authority: certbot against pebble, on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host_scripts.acme import Acme, program
from host_scripts.imds import metadata_service
from host_scripts.sandbox import Host
from patience import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.host
NAME = "infer.example.com"
NO_METADATA = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}


def machine(root: Path, **changed: Any) -> Host:
    """Return a new machine of the deployment, nginx a recorder, with a self-signed certificate."""
    root.mkdir(exist_ok=True)
    host = Host(root)
    host.install(**changed)
    host.program("certbot", f'exec {program("certbot")} "$@"')
    host.forget("sleep")
    assert host.run("steps/60-nginx.sh").returncode == 0
    return host


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Acme]:
    (tmp_path / "ca").mkdir()
    (tmp_path / "www" / "acme").mkdir(parents=True)
    with Acme(tmp_path / "ca", tmp_path / "one" / "aws", tmp_path / "one/www/acme").running() as ca:
        yield ca


@pytest.fixture
def first(tmp_path: Path, acme: Acme) -> Host:
    return machine(tmp_path / "one", acme_directory=acme.directory)


def keep(host: Host, acme: Acme, verb: str = "keep") -> subprocess.CompletedProcess[str]:
    (host.root / "calls").write_text("")
    return subprocess.run(
        ["python3", "-B", "-m", "host.certificate", verb],
        cwd=host.scripts,
        env=host.environment() | acme.environment | NO_METADATA,
        executable=str(host.bin / "python3"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def verdict(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((host.run_dir / "certificate").read_text())
    return found


def served(host: Host) -> str:
    return (host.etc / "lamplighter/tls/server.crt").read_text()


def verified(host: Host, acme: Acme) -> bool:
    """Does what is served lead to the authority's root, for our name?"""
    root = host.root / "root.pem"
    root.write_text(acme.root())
    chain = host.etc / "lamplighter/tls/server.crt"
    command = ["openssl", "verify", "-CAfile", root, "-untrusted", chain, "-verify_hostname", NAME]
    return subprocess.run([*command, chain], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("challenge", ["dns-01", "http-01"])
def test_b10_a_certificate_is_ordered_by_either_challenge_and_stored(
    tmp_path: Path, acme: Acme, challenge: str
) -> None:
    host = machine(tmp_path / "one", acme_directory=acme.directory, certificate=challenge)

    done = keep(host, acme)

    assert done.returncode == 0, done.stderr
    assert verified(host, acme)
    assert "systemctl reload-or-restart nginx.service" in host.calls
    assert verdict(host) | {"not_after": 0} == {
        "kind": "acme",
        "names": [NAME],
        "not_after": 0,
        "problem": None,
    }
    stored = host.aws / "ssm/lamplighter/demo/tls"
    assert {path.name for path in stored.iterdir()} == {"account", "certificate"}
    assert acme.orders() == 1


def test_with_http_01_a_candidate_orders_when_the_name_no_longer_leads_elsewhere(
    tmp_path: Path, acme: Acme
) -> None:
    host = machine(tmp_path / "one", acme_directory=acme.directory, certificate="http-01")
    known = {"public-ipv4": "198.51.100.7"}  # no name leads there
    with metadata_service(known) as origin:
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": origin, "NAME_SECONDS": "0.2"}
        keeper = subprocess.Popen(
            ["python3", "-B", "-m", "host.certificate", "keep"],
            cwd=host.scripts,
            env=host.environment() | acme.environment | environment,
            executable=str(host.bin / "python3"),
        )
        eventually((host.run_dir / "certificate").exists, bool, 30)
        waiting, orders = verdict(host), acme.orders()
        known.clear()  # an address that is not known is not waited for

        status = keeper.wait(60)

    assert (waiting["kind"], orders) == ("self-signed", 0)
    assert "the certificate is ordered as soon as the name leads here" in waiting["problem"]
    assert (status, verdict(host)["kind"], verdict(host)["problem"]) == (0, "acme", None)
    assert acme.orders() == 1


def test_the_next_machine_serves_the_stored_one_and_orders_none(
    tmp_path: Path, acme: Acme, first: Host
) -> None:
    keep(first, acme)
    second = machine(tmp_path / "two", acme_directory=acme.directory)
    shutil.copytree(first.aws, second.aws, dirs_exist_ok=True)

    done = second.run("steps/70-certificate.sh")

    assert done.returncode == 0, done.stderr
    assert verdict(second)["kind"] == "acme"
    assert served(second) == served(first)
    assert keep(second, acme).returncode == 0
    assert acme.orders() == 1


def test_b11_a_certificate_that_ends_within_30_days_is_renewed_and_nginx_reloaded(
    tmp_path: Path,
) -> None:
    (tmp_path / "ca").mkdir()
    ca = Acme(tmp_path / "ca", tmp_path / "one" / "aws", tmp_path / "one/www/acme")
    host = machine(tmp_path / "one", acme_directory=ca.directory)
    with ca.running(days=20) as acme:
        keep(host, acme)
        old = served(host)

        done = keep(host, acme)

        assert done.returncode == 0, done.stderr
        assert served(host) != old
        assert verified(host, acme)
        assert "systemctl reload-or-restart nginx.service" in host.calls
        assert acme.orders() == 2
        accounts = host.root / "state/lamplighter/acme/config/accounts"
        assert len(list(accounts.rglob("private_key.json"))) == 1


def test_a_certificate_that_lasts_is_left_alone(acme: Acme, first: Host) -> None:
    keep(first, acme)
    before = first.tree()

    keep(first, acme)

    assert first.calls == []
    assert first.tree() == before


def test_the_authority_asks_for_one_record_only_and_it_is_gone_afterwards(
    acme: Acme, first: Host
) -> None:
    keep(first, acme)

    changes = [json.loads(x) for x in (first.aws / "route53-changes").read_text().splitlines()]
    assert {tuple(change[1:]) for change in changes} == {
        ("Z0123456789ABC", f"_acme-challenge.{NAME}.")
    }
    assert [change[0] for change in changes] == ["UPSERT", "DELETE"] * 2
    assert list((first.aws / "route53").iterdir()) == []


def test_a_name_that_the_authority_refuses_is_said_and_the_self_signed_one_serves(
    tmp_path: Path, acme: Acme
) -> None:
    name = "blocked-domain.example"
    host = machine(tmp_path / "one", acme_directory=acme.directory, endpoint_host=name)

    done = keep(host, acme)

    assert done.returncode == 75
    assert verdict(host)["kind"] == "self-signed"
    assert f"does not issue for {name}: choose another name" in verdict(host)["problem"]


def test_name_servers_that_are_not_ours_are_said_and_asked_again_later_only(
    acme: Acme, first: Host
) -> None:
    acme.names.dead = True
    done = keep(first, acme)
    again = keep(first, acme)

    assert (done.returncode, again.returncode) == (75, 75)
    assert verdict(first)["kind"] == "self-signed"
    assert "let the registrar name the name servers" in verdict(first)["problem"]
    assert acme.orders() == 1


def test_an_authority_that_forgot_our_account_gets_another(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    aws, www = tmp_path / "one" / "aws", tmp_path / "one/www/acme"
    before = Acme(tmp_path / "ca", aws, www)
    host = machine(tmp_path / "one", acme_directory=before.directory)
    with before.running(days=20) as acme:
        keep(host, acme)
    after = Acme(tmp_path / "ca", aws, www)
    after.port, after.directory = before.port, before.directory

    with after.running() as acme:
        done = keep(host, acme)

        assert done.returncode == 0, done.stderr
        assert verified(host, acme)


def test_an_authority_that_is_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    away = Acme(tmp_path / "ca", tmp_path / "one" / "aws", tmp_path / "one/www/acme")
    away.certify()
    host = machine(tmp_path / "one", acme_directory=away.directory)

    done = keep(host, away)

    away.names.server_close()
    assert done.returncode == 75
    assert "cannot be reached" in verdict(host)["problem"]


def test_an_unwritable_store_costs_no_second_order_here(acme: Acme, first: Host) -> None:
    (first.aws / "ssm-read-only").touch()

    keep(first, acme)
    done = keep(first, acme)

    assert done.returncode == 75
    assert verdict(first)["kind"] == "acme"
    assert "the next machine would have to order again" in verdict(first)["problem"]
    assert acme.orders() == 1


def test_no_key_is_printed_or_readable_by_others(acme: Acme, first: Host) -> None:
    done = keep(first, acme)

    keys = list((first.etc / "lamplighter/tls").rglob("server.key"))
    private = [line for path in keys for line in path.read_text().splitlines()[1:3]]  # then public
    logs = (first.root / "state/lamplighter/acme/logs").rglob("*.log*")
    text = done.stdout + done.stderr + "".join(path.read_text() for path in logs)
    assert keys
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert [line for line in private if line in text] == []
