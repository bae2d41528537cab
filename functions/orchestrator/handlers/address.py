"""Lambda entry points: EnsureAddress and DestroyAddress of resources/address.py."""

from orchestrator.resources import address
from orchestrator.step import step

ensure = step(address.ensure, desired="present")
destroy = step(address.destroy)
