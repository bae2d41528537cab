"""Fixtures of tests/steps.py, and the template."""

from steps import complete, neighbour, progress, provisioned_before, root, workflow
from template_files import template

__all__ = [
    "complete",
    "neighbour",
    "progress",
    "provisioned_before",
    "root",
    "template",
    "workflow",
]
