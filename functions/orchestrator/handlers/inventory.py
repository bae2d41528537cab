"""Lambda entry point: CheckInventory of resources/inventory.py."""

from orchestrator.resources import inventory
from orchestrator.step import step

check = step(inventory.check)
