"""Lambda entry points: EnsureKeys and DestroyKeys of resources/keys.py."""

from orchestrator.resources import keys
from orchestrator.step import step

ensure = step(keys.ensure, desired="present")
destroy = step(keys.destroy)
