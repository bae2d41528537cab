"""Every command in the documents exists: make targets, and lamplighter's commands and options."""

import re
import shlex

import click
import pytest
from documents.pages import DOCUMENTS, ROOT, blocks, name, without_blocks
from lamplighter.main import cli

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE)) | {"FLAGS"}


def lines(document):
    """Yield the commands of a document: the lines of its blocks, and code within its sentences."""
    text = document.read_text()
    for _, block in blocks(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", without_blocks(text))


def words(line, program):
    """Return the words after each call of the program that the line holds."""
    for found in re.finditer(rf"(?:^|[|(\"] ?){program} ([^|#)]*)", line.strip()):
        try:
            yield shlex.split(found[1])
        except ValueError:  # the call is quoted itself, as in "$(lamplighter key prod)"
            yield found[1].strip('" ').split()


def unknown(called):
    """Return what lamplighter does not know of this command line."""
    command = cli
    options = {opt for p in cli.params for opt in p.opts} | {"--help"}
    for word in called:
        if word.startswith("-") and word != "-":  # which is standard input
            option = word.partition("=")[0]
            if option not in options:
                return option
        elif isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
            options |= {opt for p in command.params for opt in p.opts}
        elif isinstance(command, click.Group) and word != "COMMAND":
            return word
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_of_lamplighter_exists(document):
    called = [call for line in lines(document) for call in words(line, "lamplighter")]

    assert [(call, unknown(call)) for call in called if unknown(call)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_target_of_make_exists(document):
    called = [call for line in lines(document) for call in words(line, "make")]

    for call in called:
        for word in call:
            if "=" in word:
                assert word.partition("=")[0] in VARIABLES, call
            elif word.isupper():
                assert word in VARIABLES, call
            else:
                assert word in TARGETS, call


@pytest.mark.parametrize(
    ("call", "expected"),
    [("lighten prod", "lighten"), ("keys creat prod", "creat"), ("status prod --yes", "--yes")],
)
def test_an_unknown_command_or_option_is_seen(call, expected):
    assert unknown(call.split()) == expected


def test_commands_are_found_in_every_form():
    line = """printf 'Bearer %s' "$(lamplighter key prod)" | lamplighter --json status"""

    assert list(words(line, "lamplighter")) == [["key", "prod"], ["--json", "status"]]
