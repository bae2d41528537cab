"""No private words in what a reader meets: the field has its own for each of these."""

import ast
import re

import pytest
from documents.pages import DOCUMENTS, ROOT, name

PRIVATE = re.compile(
    r"\b(told|telling|errands?|nobody|whoever|what may|for who asks|doomed|bury|buried)\b",
    re.IGNORECASE,
)
PAGE_MODULES = sorted((ROOT / "proxy").glob("*/pages/*.py"))


def shown(source):
    """Return the texts of a module without its docstrings."""
    tree = ast.parse(source)
    hidden = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents_use_the_fields_words(document):
    lines = document.read_text().splitlines()

    assert [line for line in lines if PRIVATE.search(line)] == []


@pytest.mark.parametrize("module", PAGE_MODULES, ids=name)
def test_the_gateways_pages_use_the_fields_words(module):
    assert [text for text in shown(module.read_text()) if PRIVATE.search(text)] == []


def test_the_gateway_has_pages():
    assert PAGE_MODULES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The agent is nobody.", "nobody"),
        ("Told to whoever is refused.", "Told"),
        ("It is told, in time.", "told"),
        ("The retold story of a storyteller; somebody asked.", None),
        ("An error names what failed and what may help", "what may"),
    ],
)
def test_private_words_are_found_as_whole_words(text, expected):
    found = PRIVATE.search(text)

    assert (found[1] if found else None) == expected


def test_docstrings_are_not_shown():
    assert shown('"""told"""\ndef page():\n    """told"""\n    return "shown"\n') == ["shown"]
