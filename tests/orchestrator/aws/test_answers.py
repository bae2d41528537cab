"""O15: a list that AWS answers with may be empty, so no line takes its one element for granted."""

from __future__ import annotations

import ast

import pytest

# The answers of a creating call, which has what it created.
CREATED = {"launch/run_instances.py": ["launched['Instances'][0]"]}


def taken_for_granted(source):
    """Return what unpacks exactly one element, or takes the first, of something AWS answered."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                is_one = isinstance(target, (ast.List, ast.Tuple)) and len(target.elts) == 1
                if is_one and not isinstance(target.elts[0], ast.Starred):
                    found.append(ast.unparse(node))
        is_first = isinstance(node, ast.Subscript) and ast.unparse(node.slice) in {"0", "-1"}
        if is_first and isinstance(node.value, ast.Subscript):
            key = node.value.slice
            if isinstance(key, ast.Constant) and str(key.value)[:1].isupper():
                found.append(ast.unparse(node))
    return found


def test_no_step_takes_one_element_of_an_answer_for_granted(root):
    orchestrator = root / "functions/orchestrator"
    sources = [*orchestrator.rglob("*.py")]
    assert len(sources) > 50

    found = {
        str(path.relative_to(orchestrator)): taken_for_granted(path.read_text()) for path in sources
    }

    assert {name: lines for name, lines in found.items() if lines} == CREATED


@pytest.mark.parametrize(
    "line",
    ["[x] = ec2.describe_images()['Images']", "x = ec2.describe_images()['Images'][0]"],
)
def test_the_kind_is_noticed(line):
    assert taken_for_granted(line)
