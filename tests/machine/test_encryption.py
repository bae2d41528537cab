"""What the machine speaks to the outside: its certificate, and how it encrypts."""

from __future__ import annotations

import subprocess

import pytest
from machine.lab.cloud import network
from machine.lab.cloud.cloud import HOST
from machine.lab.image.images import ROOT
from machine.lab.seed import MODEL
from machine.lab.whole import HOME, Lab
from patience import eventually

pytestmark = pytest.mark.host

SSLYZE = ROOT / ".venv-sslyze" / "bin" / "sslyze"


def test_the_first_certificate_is_ordered_by_dns_beside_the_boot(lab: Lab) -> None:
    lab.client()

    assert lab.certificate() | {"not_after": "", "problem": ""} == {
        "kind": "acme",
        "names": [HOST],
        "not_after": "",
        "problem": "",
    }
    assert lab.cloud.orders() == 1


def test_a_renewal_by_the_unit_reaches_nginx_and_cuts_no_connection(lab: Lab) -> None:
    """The certificate of this authority lasts 20 days; the timer would start the same unit."""
    old, nginx = lab.client(), lab.machine.said("systemctl show --value -p MainPID nginx")
    before = lab.certificate()["not_after"]
    assert old.get("/health/live").status == 200

    lab.cloud.authority(days=90)
    lab.machine.said("systemctl start lamplighter-certificate.service")
    eventually(lab.certificate, lambda it: it["not_after"] > before, 60)

    assert lab.client().chat(MODEL).status == 200
    assert lab.cloud.orders() == 1
    assert lab.certificate()["problem"] is None
    assert lab.machine.said("systemctl show --value -p MainPID nginx") == nginx


def test_the_timer_of_the_renewal_waits(lab: Lab) -> None:
    assert lab.machine.said("systemctl is-active lamplighter-certificate.timer") == "active"


def test_tls_is_mozillas_intermediate_profile(lab: Lab) -> None:
    assert _departures(lab, "intermediate") == {}


def test_the_scan_sees_what_departs_from_a_profile(lab: Lab) -> None:
    """The control: we speak TLS 1.2, which Mozilla's modern profile does not."""
    assert any("TLSv1.2" in text for text in _departures(lab, "modern").values())


def _departures(lab: Lab, profile: str) -> dict[str, str]:
    """Return what sslyze says against the profile: subject -> sentence."""
    root = HOME / "host-lab" / "root.pem"
    root.write_text(lab.cloud.root())
    command = [
        *(str(SSLYZE), f"--mozilla_config={profile}", f"--certinfo_ca_file={root}"),
        f"{HOST}:443",
    ]
    scan = subprocess.run(
        network.inside(network.CLOUD, *command), capture_output=True, text=True, check=False
    )
    said = scan.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    assert f"{HOST}:443: " in said, scan.stdout + scan.stderr
    lines = said.partition(f"{HOST}:443: ")[2].splitlines()
    found = [line.strip("* ").partition(": ") for line in lines if line.strip().startswith("*")]
    assert bool(found) == ("FAILED" in lines[0]) == (scan.returncode != 0), said
    return {subject: text for subject, _, text in found}
