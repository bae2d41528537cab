"""Lambda entry points: EnsureScripts and DestroyScripts of resources/scripts.py."""

from orchestrator.resources import scripts
from orchestrator.step import step

ensure = step(scripts.ensure, desired="present")
destroy = step(scripts.destroy)
