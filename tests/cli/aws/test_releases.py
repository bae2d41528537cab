"""Which release is older: the command, the installation, or a host."""

from __future__ import annotations

import tomllib

import pytest
from lamplighter.aws import releases
from orchestrator.release import RELEASE
from template_files import ROOT, read


def test_packages_the_stack_and_the_hosts_settings_name_one_release():
    packages = {
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["version"]
        for folder in ("cli", "functions", "proxy", "twin")
    }

    assert packages == {RELEASE}
    assert read()["Outputs"]["Release"]["Value"] == RELEASE == releases.of_command()


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ("", ""),
        (RELEASE, ""),
        ("0.0.9", "the installation is older, so run `make deploy` of 0.1.0"),
        ("0.10.0", "this command is older, so install the command of 0.10.0"),
    ],
)
def test_a_command_that_does_not_fit_its_installation_says_so_in_a_sentence(installed, said):
    sentence = releases.misfit(installed, "lamplighter")

    assert sentence.endswith(said)
    assert (installed in sentence) == bool(sentence) or not installed


def test_a_host_without_a_release_is_older_than_any_installation_that_names_one():
    assert releases.is_older("", "0.1.0")
    assert releases.is_older("0.1.0", "0.2.0")
    assert not releases.is_older("0.10.0", "0.9.9")
    assert not releases.is_older("", "")
