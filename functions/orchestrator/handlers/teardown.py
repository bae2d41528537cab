"""Lambda entry point: BeginTeardown."""

from orchestrator import lifecycle
from orchestrator.step import step

begin = step(lambda _, __, ledger: lifecycle.start_teardown(ledger))
