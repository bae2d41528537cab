"""What is shown on a narrow terminal can be copied: no id, address, name or command is cut."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from lamplighter.command_line.command_lines import CommandLines
from lamplighter.screens import screen as screens
from lamplighter.screens.layout import wrapped
from lamplighter.screens.screen import Screen, facts, plain, table
from rich.console import Console

if TYPE_CHECKING:
    from lamplighter.screens.layout import Block

WHOLE = (
    "production-eu-central-1a",
    "https://infer-production.eu.inference.example.com",
    "i-0123456789abcdef0",
    "`lamplighter --local --state-dir /var/lib/twin down production-eu-central-1a`",
)
PROSE = f"the host failed because its disk is full, and it stays full: {WHOLE[3]} removes all of it"


def shown(block: Block, width: int) -> list[str]:
    """Return the lines on a terminal of so many columns."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=width)
    Screen(console, console, json=False).show(block)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 60, 80, 120, 200])
@pytest.mark.parametrize("prose", [(), ("PHASE",)])
def test_a_table_keeps_ids_addresses_names_and_commands_whole(
    width: int, prose: tuple[str, ...]
) -> None:
    name, address, instance, command = WHOLE
    rows = [(name, "failed", PROSE, address, instance), ("b", "serving", "", address, "i-1")]

    lines = shown(
        table("NAME", "STATUS", "PHASE", "ENDPOINT", "INSTANCE", rows=rows, prose=prose), width
    )

    text = "\n".join(lines)
    assert [whole for whole in (name, address, instance, command) if whole not in text] == []


@pytest.mark.parametrize("width", [20, 60, 80, 120])
def test_facts_keep_them_whole_too(width: int) -> None:
    lines = shown(facts([("endpoint", WHOLE[1]), ("reason", PROSE), ("phase", "")]), width)

    text = "\n".join(lines)
    assert [whole for whole in (WHOLE[1], WHOLE[3]) if whole not in text] == []
    assert "phase" not in text


def test_a_table_that_fits_is_one_and_one_that_does_not_is_a_block_per_row() -> None:
    listing = table("NAME", "ENDPOINT", rows=[("prod", WHOLE[1]), ("dev", WHOLE[1])])

    assert len(shown(listing, 80)) == 3
    assert shown(listing, 40) == [
        "name      prod",
        f"endpoint  {WHOLE[1]}",
        "",
        "name      dev",
        f"endpoint  {WHOLE[1]}",
    ]


def test_only_prose_is_wrapped_and_at_words() -> None:
    rows = [("instance", "is not there, and nothing that was made before can be used again")]

    lines = shown(table("RESOURCE", "WHY", rows=rows, prose=("WHY",)), 40)

    assert lines == [
        "RESOURCE  WHY",
        "instance  is not there, and nothing that",
        "          was made before can be used",
        "          again",
    ]


def test_a_word_longer_than_the_line_stays_in_one_piece() -> None:
    assert wrapped("at https://a-long-name.example.com now", 10) == [
        "at",
        "https://a-long-name.example.com",
        "now",
    ]


def test_a_completed_command_keeps_the_styles_of_its_line() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=80)
    line = plain("at  ", "dim").append_text(plain("run `lamplighter up`", "red"))

    Screen(console, console, json=False, repeated=CommandLines(local=True).repeated).show(line)

    assert stream.getvalue() == "\x1b[2mat  \x1b[0m\x1b[31mrun `lamplighter --local up`\x1b[0m\n"


def test_a_pipe_gets_one_line_per_row(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(screens.sys, "stdout", stream)

    Screen.open(json=False, color=True).show(table("A", "B", rows=[("x" * 300, PROSE * 3)]))

    assert len(stream.getvalue().splitlines()) == 2
