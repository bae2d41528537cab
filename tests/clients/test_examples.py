"""Every example of docs/clients.md, run as a reader runs it: each prints the model's answer."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from clients import answers
from clients.examples import Example, environment, examples
from clients.installed import HERE, NODE_MODULES, node, python, run

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from clients.lab import Lab

FIRST, *REST = examples()
PROGRAM = """#!/bin/sh
PYTHONPATH={tests} exec {python} -m clients.open_webui "$@"
"""


@pytest.mark.parametrize("example", REST, ids=str)
def test_an_example_prints_the_answer(example: Example, lab: Lab, tmp_path: Path) -> None:
    done = RUNNERS[example.language](example.text, lab, tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == answers.TEXT


def test_the_first_block_sets_what_the_others_read(tmp_path: Path) -> None:
    command = f'lamplighter() {{ echo "a $1 of $2"; }}\n{FIRST.text}\nenv'

    done = run(("bash", "-ec", command), tmp_path, {})

    exported = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert exported["KEY"] == "a key of prod"
    read = {name for each in REST for name in re.findall(r"\b(ENDPOINT|KEY|MODEL)\b", each.text)}
    assert read <= set(exported)


def test_the_page_has_every_client() -> None:
    named = {each.section for each in REST}

    assert named == {
        "OpenAI SDK", "Anthropic SDK", "LangChain", "LlamaIndex", "Vercel AI SDK", "Claude Code",
        "Codex", "Open WebUI",
    }  # fmt: skip


def in_python(text: str, lab: Lab, folder: Path) -> CompletedProcess[str]:
    return run((str(python("clients")), "-c", text), folder, environment(lab))


def in_node(text: str, lab: Lab, folder: Path) -> CompletedProcess[str]:
    (folder / "example.mjs").write_text(text)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return run((node(), "example.mjs"), folder, environment(lab))


def in_bash(text: str, lab: Lab, folder: Path) -> CompletedProcess[str]:
    node()
    program = folder / "open-webui"
    program.write_text(PROGRAM.format(tests=HERE.parent, python=sys.executable))
    program.chmod(0o755)
    path = os.pathsep.join([str(folder), str(NODE_MODULES / ".bin"), os.environ["PATH"]])
    own = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": path}
    return run(("bash", "-ec", text), folder, environment(lab) | own)


RUNNERS = {"python": in_python, "javascript": in_node, "bash": in_bash}
