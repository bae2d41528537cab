"""LangChain and LlamaIndex: their suite runs in an environment of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clients.installed import HERE, ROOT, python, suite

if TYPE_CHECKING:
    from clients.lab import Lab


def test_the_libraries_pass_their_suite(lab_of_its_own: Lab) -> None:
    options = ("-q", "-c", str(HERE / "other.ini"), f"--confcutdir={HERE}")

    done = suite(
        lab_of_its_own, str(python("clients")), "-m", "pytest", *options, str(HERE / "libraries")
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"\d\d passed in", done.stdout), done.stdout[-500:]


def test_the_environment_holds_what_the_lock_names() -> None:
    lock = (ROOT / "requirements" / "clients.txt").read_text()
    named = dict(
        re.findall(r"^(langchain-openai|llama-index-llms-openai-like)==(\S+)", lock, re.MULTILINE)
    )

    installed = python("clients").parents[1] / "lib"
    for name, version in named.items():
        folder = f"{name.replace('-', '_')}-{version}.dist-info"
        assert [*installed.glob(f"*/site-packages/{folder}")]
    assert len(named) == 2
