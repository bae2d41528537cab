"""Which certificate a host serves, and what it says is wrong: without any authority."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from host.certificate import name, pairs, route53, tries
from host.certificate.authority import Authority
from host.certificate.errors import Refused, Trouble, Unusable
from host.certificate.keeper import Keeper
from host.certificate.remedies import remedy
from host.certificate.settings import Settings
from host.certificate.shelf import Held, Shelf
from host.certificate.store import Store
from host_scripts.imds import metadata_service
from host_scripts.sandbox import Host

NAME, DIRECTORY, PATH = "infer.example.com", "https://ca.example/dir", "/lamplighter/demo/tls"
DAY = pairs.DAY


@pytest.fixture(scope="module")
def pair() -> pairs.Pair:
    return pairs.self_signed(NAME)


@dataclass
class Ssm:
    """Parameters as a host sees them; refuses: the code that every call is answered with."""

    values: dict[str, str] = field(default_factory=dict)
    puts: list[dict[str, Any]] = field(default_factory=list)
    refuses: str | None = None

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        self._refuse()
        assert WithDecryption
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[Name]}}

    def put_parameter(self, *, Name: str, Value: str, **given: Any) -> None:  # noqa: N803
        self._refuse()
        if Name in self.values and not given.get("Overwrite"):
            raise ClientError({"Error": {"Code": "ParameterAlreadyExists"}}, "PutParameter")
        self.values[Name] = Value
        self.puts.append({"Name": Name, **given})

    def _refuse(self) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses}}, "Parameter")


class Lab:
    """A keeper whose authority gives what answers says, or raises it; now: seconds."""

    def __init__(self, root: Path, **changed: Any) -> None:
        self.options = replace(settings(root), **changed)
        self.ssm, self.reloads, self.now = Ssm(), [], 1_000_000_000.0
        self.nginx_takes, self.answers, self.orders = True, [], 0
        self.shelf = Shelf(self.options.tls, self._reload)
        self.store = Store(self.ssm, PATH, "lamplighter", "demo")
        self.elsewhere: str | None = None
        self.keeper = Keeper(
            self.options, self.shelf, self.store, self, lambda: self.elsewhere, lambda: self.now
        )

    def keep(self, *, orders: bool = True) -> str | None:
        return self.keeper.keep(orders=orders)

    def order(self, _: dict[str, str]) -> Held:
        self.orders += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def account(self) -> dict[str, str]:
        return {"ca/dir/1/regr.json": "{}"}

    def stored(self, held: Held) -> None:
        self.store.keep_certificate(held)
        self.ssm.puts.clear()

    def _reload(self) -> bool:
        self.reloads.append((self.options.tls / "server.crt").read_text())
        return self.nginx_takes


def settings(root: Path) -> Settings:
    return Settings(
        installation="lamplighter",
        deployment="demo",
        region="eu-central-1",
        host=NAME,
        email="",
        kind="dns-01",
        own="",
        directory=DIRECTORY,
        zone="Z1",
        path=PATH,
        tls=root / "tls",
        acme=root / "acme",
        webroot=root / "www",
        verdict=root / "certificate",
    )


def acme(pair: pairs.Pair, _: float = 0) -> Held:
    return Held("acme", DIRECTORY, pair)


def at(lab: Lab, pair: pairs.Pair, days: float) -> None:
    """Let it be so many days before the pair ends."""
    lab.now = pair.not_after - days * DAY


@pytest.mark.parametrize("days", [31, 3000])
def test_a_stored_certificate_with_more_than_30_days_is_served_without_an_order(
    tmp_path: Path, pair: pairs.Pair, days: float
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, days)
    lab.stored(acme(pair, days))

    assert lab.keep(orders=False) is None

    assert (lab.shelf.held(), lab.orders) == (acme(pair, days), 0)


def test_a_stored_certificate_that_ends_soon_is_served_until_the_order_is_done(
    tmp_path: Path, pair: pairs.Pair
) -> None:
    lab, new = Lab(tmp_path), pairs.self_signed(NAME)
    at(lab, pair, 10)
    new = replace(new, not_after=pair.not_after)
    lab.stored(acme(pair, 10))
    lab.answers = [Refused("no")]

    assert lab.keep() == "no"

    assert lab.shelf.held() == acme(pair, 10)
    assert lab.orders == 1


@pytest.mark.parametrize("what", ["expired", "of another authority", "for another name"])
def test_a_stored_certificate_that_does_not_fit_is_not_served(
    tmp_path: Path, pair: pairs.Pair, what: str
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, -1 if what == "expired" else 60)
    held = acme(pair, 60)
    if what == "of another authority":
        held = replace(held, origin="https://staging.example/dir")
    if what == "for another name":
        held = replace(held, pair=pairs.self_signed("other.example.com"))
    lab.stored(held)

    lab.keep(orders=False)

    served = lab.shelf.held()
    assert served is not None
    assert served.kind == "self-signed"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"origin": 5}',
        '{"origin": "https://ca.example/dir", "pem": 7}',
        '{"origin": "https://ca.example/dir", "pem": "-----BEGIN CERTIFICATE-----"}',
        "[" * 100_000,
    ],
    ids=range(8),
)
def test_a_damaged_store_is_said_and_an_order_is_made(
    tmp_path: Path, pair: pairs.Pair, value: str
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, 60)
    lab.ssm.values[f"{PATH}/certificate"] = value
    lab.answers = [acme(pair, 60)]

    assert lab.keep() is None

    assert lab.shelf.held() == acme(pair, 60)


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/regr.json", "/etc/meta.json", "a/b.sh", "a/../../meta.json", "x"]
)
def test_a_stored_account_writes_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    lab = Lab(tmp_path)
    value = {"origin": DIRECTORY, "files": {name: "* * * * * root id"}}
    lab.ssm.values[f"{PATH}/account"] = json.dumps(value)

    with pytest.raises(Unusable):
        lab.store.account(DIRECTORY)


def test_chain_and_key_are_one_encrypted_parameter_with_its_owners_tags(
    tmp_path: Path, pair: pairs.Pair
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, 60)
    lab.answers = [acme(pair, 60)]

    lab.keep()
    lab.keep()

    assert [put["Name"] for put in lab.ssm.puts] == [f"{PATH}/account", f"{PATH}/certificate"]
    for put in lab.ssm.puts:
        assert (put["Type"], put["Tier"]) == ("SecureString", "Intelligent-Tiering")
        assert {"Key": "lamplighter:installation", "Value": "lamplighter"} in put["Tags"]
        assert {"Key": "lamplighter:deployment", "Value": "demo"} in put["Tags"]
    assert pair.key in json.loads(lab.ssm.values[f"{PATH}/certificate"])["pem"]
    assert "PRIVATE" not in repr(pair)


def test_what_could_not_be_stored_is_said_and_stored_later_without_an_order(
    tmp_path: Path, pair: pairs.Pair
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, 60)
    lab.answers, lab.ssm.refuses = [acme(pair, 60)], "AccessDeniedException"

    problem = lab.keep()
    lab.ssm.refuses = None

    assert problem == (
        f"the SSM parameter {PATH}/certificate cannot be read: AccessDeniedException; "
        "the next machine would have to order again"
    )
    assert lab.keep() is None
    assert lab.orders == 1


def test_a_certificate_that_nginx_refuses_leaves_the_one_before(
    tmp_path: Path, pair: pairs.Pair
) -> None:
    lab = Lab(tmp_path)
    lab.keeper.self_sign()
    before = lab.shelf.held()
    at(lab, pair, 60)
    lab.stored(acme(pair, 60))
    lab.nginx_takes = False

    problem = lab.keep()

    assert problem is not None
    assert "nginx rejects the acme certificate" in problem
    assert lab.shelf.held() == before
    assert lab.reloads[-1] == (lab.options.tls / "server.crt").read_text()


def test_key_and_certificate_change_in_one_step(tmp_path: Path, pair: pairs.Pair) -> None:
    """Both are read through one link, so that no power cut parts them."""
    lab = Lab(tmp_path)
    lab.keeper.self_sign()
    lab.shelf.put(acme(pair, 60))

    links = {
        path.name: str(path.readlink()) for path in lab.options.tls.iterdir() if path.is_symlink()
    }

    assert links == {
        "current": "b",
        "server.crt": "current/server.crt",
        "server.key": "current/server.key",
    }
    assert [path.name for path in lab.options.tls.iterdir() if not path.is_symlink()] == ["b"]


def test_failures_are_asked_again_within_the_limits_of_the_authority() -> None:
    """Let's Encrypt counts five failed validations an hour."""
    known, asked = tries.Tries(), []
    for minute in range(0, 7 * 24 * 60, 5):
        if known.are_due(minute * 60):
            asked.append(minute)
            known = known.failed(minute * 60, "no")

    assert asked[:6] == [0, 15, 45, 105, 225, 465]
    assert max(sum(first <= each < first + 60 for each in asked) for first in asked) == 3
    assert len(asked) <= 20
    assert asked[-1] - asked[-2] == 720


def test_an_authority_that_refused_is_not_asked_again_at_once(
    tmp_path: Path, pair: pairs.Pair
) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, 60)
    lab.answers = [Refused("no"), acme(pair)]

    assert [lab.keep(), lab.keep()] == ["no", "no"]
    lab.now += 901

    assert lab.keep() is None
    assert lab.orders == 2


def test_an_order_that_was_cut_off_counts_as_a_failure(tmp_path: Path, pair: pairs.Pair) -> None:
    lab = Lab(tmp_path)
    at(lab, pair, 60)
    lab.answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        lab.keep()

    assert lab.keep() == "the last order was cut off"

    assert lab.orders == 1


def test_a_clock_that_was_far_ahead_does_not_stop_orders_for_years() -> None:
    assert tries.Tries(1, after=10**10).are_due(1_700_000_000)


def test_a_host_without_a_name_warns_that_its_certificate_is_self_signed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, host="", kind="self-signed")

    problem = lab.keep()

    assert problem is not None
    assert "self-signed" in problem
    assert "set dns.domain" in problem


class TestOwn:
    """A certificate that the operator wrote into SSM."""

    def lab(self, tmp_path: Path) -> Lab:
        return Lab(tmp_path, kind="own", own="/lamplighter/shared/tls")

    def test_it_is_served(self, tmp_path: Path, pair: pairs.Pair) -> None:
        lab = self.lab(tmp_path)
        at(lab, pair, 60)
        lab.ssm.values["/lamplighter/shared/tls"] = pair.key + pair.chain

        assert lab.keep() is None

        assert lab.shelf.held() == Held("own", "/lamplighter/shared/tls", pair)
        assert lab.ssm.puts == []

    @pytest.mark.parametrize(
        ("days", "said"), [(10, "ends in 10 days"), (-1, "has ended"), (60, None)]
    )
    def test_its_end_is_said(
        self, tmp_path: Path, pair: pairs.Pair, days: float, said: str | None
    ) -> None:
        lab = self.lab(tmp_path)
        at(lab, pair, days)
        lab.ssm.values["/lamplighter/shared/tls"] = pair.key + pair.chain

        problem = lab.keep()

        assert (said or "") in (problem or "")
        assert (problem is None) == (said is None)

    def test_one_that_is_not_there_or_no_certificate_is_said(self, tmp_path: Path) -> None:
        lab = self.lab(tmp_path)
        absent = lab.keep()
        lab.ssm.values["/lamplighter/shared/tls"] = "$(reboot)\n-----BEGIN CERTIFICATE-----"
        hostile = lab.keep()

        assert absent is not None
        assert hostile is not None
        assert "there is no SSM parameter /lamplighter/shared/tls" in absent
        assert "does not hold one key and a certificate" in hostile
        assert "reboot" not in hostile

    def test_one_whose_key_is_anothers_is_said(self, tmp_path: Path, pair: pairs.Pair) -> None:
        lab = self.lab(tmp_path)
        lab.ssm.values["/lamplighter/shared/tls"] = pairs.new_key() + pair.chain

        problem = lab.keep()

        assert problem is not None
        assert "the key is not that of the first certificate" in problem


@pytest.mark.parametrize(
    ("names", "covers"),
    [(["*.example.com"], True), (["example.com"], False), (["*.infer.example.com"], False)],
)
def test_a_wildcard_covers_one_label(pair: pairs.Pair, names: list[str], *, covers: bool) -> None:
    assert replace(pair, names=tuple(names)).covers(NAME) is covers


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDenied", "run `make deploy` again"),
        ("NoSuchHostedZone", "the hosted zone is gone"),
        ("Throttling", "Route53 refuses the TXT record _acme-challenge.infer.example.com"),
    ],
)
def test_what_route53_refuses_is_said_before_the_authority_is_asked(
    tmp_path: Path, code: str, said: str
) -> None:
    class Refusing:
        def change_resource_record_sets(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": code}}, "ChangeResourceRecordSets")

    with pytest.raises(Trouble, match=said.replace("`", ".")):
        Authority(settings(tmp_path), Refusing).order({})


def test_http_01_asks_itself_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere, as before the address has moved here, costs no validation."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # which keeps its proxies for good

    with pytest.raises(Trouble, match=r"does not lead here yet.*port 80 open to all addresses"):
        Authority(replace(settings(tmp_path), kind="http-01"), dict).order({})

    assert list((tmp_path / "www").rglob("rehearsal-*")) == []


class TestHttp01OnACandidate:
    """The name leads to another host: an authority would ask that one."""

    ELSEWHERE = "infer.example.com leads to 203.0.113.9, not to this host (198.51.100.7)"

    def lab(self, tmp_path: Path, **changed: Any) -> Lab:
        lab = Lab(tmp_path, **{"kind": "http-01", **changed})
        lab.elsewhere = self.ELSEWHERE
        return lab

    def test_no_authority_is_asked_and_no_failure_counted(self, tmp_path: Path) -> None:
        lab = self.lab(tmp_path)

        said = lab.keep()

        assert (
            said == f"{self.ELSEWHERE}: the certificate is ordered as soon as the name leads here"
        )
        assert (lab.orders, lab.keeper.awaits_name) == (0, True)
        assert lab.shelf.held().kind == "self-signed"  # type: ignore[union-attr]
        assert tries.load(tmp_path / "acme" / "tries.json") == tries.Tries()

    @pytest.mark.parametrize("days", [60, 10])
    def test_the_stored_one_is_served(self, tmp_path: Path, pair: pairs.Pair, days: float) -> None:
        lab = self.lab(tmp_path)
        at(lab, pair, days)
        lab.stored(acme(pair))

        lab.keep()

        assert (lab.shelf.held(), lab.orders) == (acme(pair), 0)

    def test_it_is_ordered_when_the_name_leads_here(self, tmp_path: Path, pair: pairs.Pair) -> None:
        lab = self.lab(tmp_path)
        at(lab, pair, 60)
        lab.answers = [acme(pair)]
        lab.keep()

        lab.elsewhere = None

        assert lab.keep() is None
        assert (lab.shelf.held(), lab.keeper.awaits_name) == (acme(pair), False)

    def test_dns_01_does_not_wait(self, tmp_path: Path, pair: pairs.Pair) -> None:
        lab = self.lab(tmp_path, kind="dns-01")
        at(lab, pair, 60)
        lab.answers = [acme(pair)]

        assert lab.keep() is None
        assert lab.orders == 1


class TestName:
    @pytest.fixture
    def origin(self) -> Iterator[str]:
        with metadata_service({"public-ipv4": "127.0.0.1"}) as origin:
            yield origin

    def test_it_leads_here(self, origin: str) -> None:
        assert name.elsewhere("localhost", origin) is None

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            (["203.0.113.9"], "203.0.113.9"),
            ([], "no address"),
            (["10.0.0.1", "10.0.0.2"], "10.0.0.1, 10.0.0.2"),
        ],
    )
    def test_it_leads_elsewhere(
        self, origin: str, monkeypatch: pytest.MonkeyPatch, found: list[str], said: str
    ) -> None:
        monkeypatch.setattr(name, "addresses", lambda _: found)

        where = name.elsewhere(NAME, origin)

        assert where == f"{NAME} leads to {said}, not to this host (127.0.0.1)"

    def test_a_name_that_nobody_knows_has_no_address(self) -> None:
        assert name.addresses("absent.invalid") == []

    def test_a_host_without_a_public_address_does_not_wait(self) -> None:
        with metadata_service({}) as origin:
            assert name.elsewhere(NAME, origin) is None

    def test_the_wait_ends_when_it_leads_here_and_at_the_latest_after_an_hour(self) -> None:
        pauses: list[int] = []
        looks = iter([True, True, False])

        name.wait(lambda: next(looks), lambda: pauses.append(1))
        soon = len(pauses)
        name.wait(lambda: True, lambda: pauses.append(1))

        assert (soon, len(pauses) - soon) == (3, name.LOOKS)


@pytest.mark.parametrize(
    ("listed", "zone"),
    [
        ([("infer.example.com.", "Z1", False)], "Z1"),
        ([("example.com.", "Z2", False), ("example.com.", "Z3", True)], "Z2"),
        ([("example.com.", "Z2", False), ("example.com.", "Z3", False)], "2 public hosted zones"),
        ([("example.org.", "Z4", False)], "no public hosted zone"),
    ],
)
def test_the_zone_is_the_one_public_one_of_the_longest_suffix(listed: Any, zone: str) -> None:
    class Zones:
        def list_hosted_zones_by_name(self, **_: str) -> Any:
            zones = [
                {"Name": name, "Id": f"/hostedzone/{key}", "Config": {"PrivateZone": private}}
                for name, key, private in listed
            ]
            return {"HostedZones": zones}

    if zone.startswith("Z"):
        assert route53.zone_of(Zones(), "", NAME) == zone
    else:
        with pytest.raises(Trouble, match=zone):
            route53.zone_of(Zones(), "", NAME)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("Detail: DNS problem: NXDOMAIN looking up TXT", "let the registrar name"),
        ("urn:ietf:params:acme:error:rateLimited :: too many certificates", "counted too many"),
        ("Type:   caa\nDetail: CAA record for x prevents issuance", "a CAA record"),
        ("Max retries exceeded with url: /dir", "cannot be reached"),
        ("Detail: 1.2.3.4: Fetching http://x/: Timeout during connect", "open port 80"),
        ("something else", "the authority refused: something else"),
        ("", "the authority refused: nothing"),
    ],
)
def test_a_refusal_comes_with_its_remedy_in_one_line(
    tmp_path: Path, output: str, said: str
) -> None:
    problem, _ = remedy(output, settings(tmp_path))

    assert said in problem
    assert "\n" not in problem


def test_a_hostile_answer_becomes_one_plain_line(tmp_path: Path) -> None:
    problem, _ = remedy("Detail: \x1b[31m{host}%s\r" + "x" * 9999, settings(tmp_path))

    assert problem.isprintable()
    assert len(problem) < 400
    assert "{host}%s" in problem


def test_the_hook_writes_no_other_name_than_its_own(host: Host) -> None:
    done = subprocess.run(
        ["python3", "-B", "-m", "host.certificate.dns_hook", "write"],
        cwd=host.scripts,
        env=host.environment() | {"CERTBOT_DOMAIN": "other.org", "CERTBOT_VALIDATION": "x"},
        executable=str(host.bin / "python3"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "is not our name" in done.stderr
    assert not (host.aws / "route53-changes").exists()


def test_certbot_is_installed_only_for_an_authority_and_its_absence_ends_no_boot(
    host: Host,
) -> None:
    host.forget("certbot")
    host.answer("apt-get", "exit 100")
    host.run("steps/60-nginx.sh")
    done = host.run("steps/70-certificate.sh")
    calls = host.calls
    host.configure(certificate="self-signed")

    again = host.run("steps/70-certificate.sh")

    assert (done.returncode, again.returncode) == (0, 0)
    assert [call for call in calls if call.startswith("apt-get")]
    assert not [call for call in host.calls if call.startswith("apt-get")]
    assert json.loads((host.run_dir / "certificate").read_text())["kind"] == "self-signed"


def test_the_boot_does_not_wait_for_an_order(host: Host) -> None:
    host.answer("systemctl", 'case "$*" in is-active*certificate*) exit 3;; esac')
    host.run("steps/60-nginx.sh")

    host.run("steps/70-certificate.sh")

    assert "systemctl start --no-block lamplighter-certificate.service" in host.calls
    assert "systemctl start lamplighter-certificate.timer" in host.calls
