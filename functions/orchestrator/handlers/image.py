"""Lambda entry points: EnsureImage and DestroyImage of resources/image.py."""

from orchestrator.resources import image
from orchestrator.step import step

ensure = step(image.ensure, desired="present")
destroy = step(image.destroy)
