import re

import click
import pytest
from documents import tables
from documents.pages import DOCS, PAGES, ROOT, name
from lamplighter.commands.keys import create

COMMAND_LINE = (DOCS / "command-line.md").read_text()
KEYS = (DOCS / "keys.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_generated_tables_are_up_to_date(page):
    text = page.read_text()

    assert tables.written(text) == text, "run `make tables`"


def test_every_table_has_one_place():
    assert sorted(tables.places()) == sorted(tables.TABLES)


def test_a_changed_row_is_seen():
    page = (DOCS / "command-line.md").read_text()

    changed = page.replace("| 0 | done |", "| 0 | finished |")

    assert changed != page
    assert tables.written(changed) == page


def test_every_option_of_a_new_key_is_listed():
    table = KEYS[KEYS.index("| option of `create` |") : KEYS.index("## How a key")]
    cells = "".join(re.findall(r"^\| (`--.*?) \|", table, re.MULTILINE))

    listed = re.findall(r"`(--[a-z-]+)`", cells)

    options = [p.opts[0] for p in create.params if isinstance(p, click.Option) and not p.hidden]
    assert sorted(listed) == sorted(set(options) - {"--deployment"})


def test_every_variable_of_lamplighter_is_listed():
    listed = set(re.findall(r"^\| .*?(?= \|)", COMMAND_LINE, re.MULTILINE))
    listed = set(re.findall(r"`(LAMPLIGHTER_\w+)`", "".join(listed)))

    sources = [ROOT / "Makefile"]
    for folder in ("cli", "functions", "host_scripts", "proxy", "twin"):
        sources += [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".sh", ".j2"}]
    read = set(re.findall(r"\bLAMPLIGHTER_[A-Z_]+", "".join(p.read_text() for p in sources)))

    assert listed == read
