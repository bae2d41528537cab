"""What deployments have cost, from their rows in the ledger, and their budgets."""
