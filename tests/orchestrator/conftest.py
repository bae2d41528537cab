"""Fixtures of tests/steps.py."""

from steps import neighbour, root, workflow

__all__ = ["neighbour", "root", "workflow"]
