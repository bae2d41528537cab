"""Lambda entry point: DestroyPredecessors, once their successor serves."""

from orchestrator.resources import instance
from orchestrator.step import step

destroy = step(instance.destroy_predecessors)
