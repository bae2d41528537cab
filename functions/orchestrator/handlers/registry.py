"""Lambda entry points: EnsureRegistry and DestroyRegistry of resources/registry.py."""

from orchestrator.resources import registry
from orchestrator.step import step

ensure = step(registry.ensure, desired="present")
destroy = step(registry.destroy)
