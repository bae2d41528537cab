"""The template, read once."""

from template_files import functions, template

__all__ = ["functions", "template"]
