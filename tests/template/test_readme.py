"""README and ARCHITECTURE tell what is there."""

from __future__ import annotations

import json
import re
import subprocess

import click
import pytest
from lamplighter.commands.keys import create
from orchestrator.spec.publishing import schema
from template_files import ROOT

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def options(described, prefix=""):
    for name, option in described["properties"].items():
        if "properties" in option:
            yield from options(option, f"{prefix}{name}.")
        else:
            required = name in described.get("required", [])
            default = "required" if required else f"`{json.dumps(option['default'])}`"
            yield f"| `{prefix}{name}` | {default} | {option['description']} |"


def test_the_readme_lists_every_key_of_the_specification():
    table = README[README.index("### The specification") : README.index("### The installation")]

    listed = [line for line in table.splitlines() if line.startswith("| `")]

    assert listed == list(options(schema()))


def test_the_readme_lists_every_option_of_a_key():
    table = README[README.index("| option of `create` |") : README.index("A new key works")]

    listed = re.findall(
        r"`(--[a-z-]+)`", "".join(re.findall(r"^\| (`--.*?) \|", table, re.MULTILINE))
    )

    options = [p.opts[0] for p in create.params if isinstance(p, click.Option) and not p.hidden]
    assert sorted(listed) == sorted(set(options) - {"--deployment"})


def test_the_readme_lists_every_variable_of_lamplighter():
    table = README[README.index("| variable | |") : README.index("### The specification")]
    listed = set(re.findall(r"`(LAMPLIGHTER_\w+)`", table))

    sources = [ROOT / "Makefile"]
    for folder in ("cli", "functions", "host_scripts", "proxy", "twin"):
        sources += [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".sh", ".j2"}]
    read = set(re.findall(r"\bLAMPLIGHTER_[A-Z_]+", "".join(p.read_text() for p in sources)))

    assert listed == read


@pytest.mark.parametrize("document", [README, ARCHITECTURE], ids=["README", "ARCHITECTURE"])
def test_every_path_that_a_document_names_exists(document):
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|yaml|toml|md))`", document)
    folders = [ROOT, ROOT / "functions/orchestrator", ROOT / "statemachine", ROOT / "tests"]
    folders += [ROOT / "cli/lamplighter"]

    missing = [n for n in named if not any((folder / n).exists() for folder in folders)]

    assert missing == []


def test_the_code_map_covers_every_top_level_folder():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    folders = {path.split("/")[0] for path in listed if "/" in path and not path.startswith(".g")}

    code_map = ARCHITECTURE[ARCHITECTURE.index("## Code map") : ARCHITECTURE.index("## How it")]

    assert {f for f in folders if f"`{f}/" not in code_map and f != ".ci"} == set()


def test_the_commands_of_the_readme_are_what_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    block = re.search(r"```\n(make demo\nmake test)\n```", README)

    assert block
    assert set(block[1].splitlines()) <= set(ci)
