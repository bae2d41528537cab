"""Lambda entry point: CheckInventory of resources/inventory.py."""

from orchestrator.deployments import inventory
from orchestrator.step import step

check = step(inventory.check)
