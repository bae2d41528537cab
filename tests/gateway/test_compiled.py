"""What mypyc gets wrong is not in the modules that it compiles; `make test-compiled` runs them all.

2.4 cuts bytes at two places that have crossed into a SystemError instead of nothing, keeps no
annotation that msgspec could decode by, and lays instances out over those of a base in Python.
"""

import ast
import importlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROXY = Path(__file__).parents[2] / "proxy"

# Each was looked at: the second place is never before the first.
ORDERED = {
    ("relay.delivery", "frame[begin:-2]"),  # `begin` follows the size, before the data and its CRLF
    ("request.edits", "body[at:found.start()]"),  # matches follow each other
    (
        "request.decoding",
        "self._body[self._at:self._at + size]",
    ),  # a file's read: the parser asks for more
}
# Without a layout of their own, or known to mypyc.
BASES = {
    "ABC", "Answering", "Downstream", "asyncio.Protocol", "Protocol", "NamedTuple", "Enum", "dict",
}  # fmt: skip


def build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", PROXY / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPILED: tuple[str, ...] = build_script().COMPILED


def nodes(module: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((PROXY / "gateway" / f"{module.replace('.', '/')}.py").read_text()))


def test_all_modules_are_compiled_or_none_is() -> None:
    files = [importlib.import_module(f"gateway.{name}").__file__ or "" for name in COMPILED]

    kinds = {Path(file).suffix for file in files}

    assert kinds == {".so"} if "LAMPLIGHTER_COMPILE" in os.environ else len(kinds) == 1


@pytest.mark.parametrize("module", COMPILED)
def test_no_slice_can_end_before_it_begins(module: str) -> None:
    slices = {
        (module, ast.unparse(node))
        for node in nodes(module)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and node.slice.lower is not None
        and node.slice.upper is not None
    }

    assert slices <= ORDERED


@pytest.mark.parametrize("module", COMPILED)
def test_no_class_extends_one_that_is_not_compiled(module: str) -> None:
    bases = {
        ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
        for node in nodes(module)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }

    assert bases <= BASES
