"""Lambda entry points: EnsureNetwork and DestroyNetwork of resources/network.py."""

from orchestrator.resources import network
from orchestrator.step import step

ensure = step(network.ensure, desired="present")
destroy = step(network.destroy)
