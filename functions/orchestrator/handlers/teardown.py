"""Lambda entry point: BeginTeardown."""

from orchestrator.deployments import lifecycle
from orchestrator.step import step

begin = step(lambda _, __, ledger: lifecycle.start_teardown(ledger))
