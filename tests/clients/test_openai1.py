"""The last 1.x release of OpenAI's Python client: the same suite, in an environment of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clients.installed import HERE, ROOT, python, suite

if TYPE_CHECKING:
    from clients.lab import Lab


def test_the_1_x_client_passes_the_whole_suite(lab_of_its_own: Lab) -> None:
    options = ("-q", "-c", str(HERE / "other.ini"), f"--confcutdir={HERE}")

    done = suite(
        lab_of_its_own, str(python("openai1")), "-m", "pytest", *options, str(HERE / "sdk")
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"\d\d passed in", done.stdout), done.stdout[-500:]


def test_it_is_the_release_that_the_lock_names() -> None:
    lock = (ROOT / "requirements" / "openai1.txt").read_text()

    [version] = re.findall(r"^openai==(\S+)", lock, re.MULTILINE)
    assert version.startswith("1.")
    assert [*python("openai1").parents[1].glob(f"lib/*/site-packages/openai-{version}.dist-info")]
