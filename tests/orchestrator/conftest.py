"""Fixtures of tests/steps.py, and the template."""

from steps import neighbour, root, workflow
from template_files import template

__all__ = ["neighbour", "root", "template", "workflow"]
