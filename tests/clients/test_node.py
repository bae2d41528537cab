"""OpenAI's, Anthropic's and Vercel's Node clients: their suite is in JavaScript, its lab ours."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from clients.installed import HERE, node, suite

if TYPE_CHECKING:
    from clients.lab import Lab


def test_the_node_clients_pass_their_suite(lab_of_its_own: Lab) -> None:
    done = suite(lab_of_its_own, node(), "--test", folder=HERE / "node")

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    counted = re.search(r"^\S+ pass (\d+)", done.stdout, re.MULTILINE)
    assert counted, done.stdout[-500:]
    assert int(counted[1]) > 60  # node --test without a test is a success to node


def test_the_lock_pins_every_package_and_names_no_host() -> None:
    lock = json.loads((HERE / "node" / "package-lock.json").read_text())

    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {"node_modules/openai", "node_modules/ai", "node_modules/@openai/codex"} <= set(packages)
    assert not [name for name, entry in packages.items() if not entry.get("integrity")]
    assert "resolved" not in json.dumps(lock)
