"""Lambda entry points: EnsureBucket and DestroyBucket of resources/bucket.py."""

from orchestrator.resources import bucket
from orchestrator.step import step

ensure = step(bucket.ensure, desired="present")
destroy = step(bucket.destroy)
